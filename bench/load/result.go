package load

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Result is what a Job found. It marshals to JSON and back without loss.
// Everything but Dials counts the measured part alone: requests that were
// started in it, whenever they ended.
type Result struct {
	Job     Job           `json:"job"` // as it was run, defaults filled in
	Started time.Time     `json:"started"`
	Elapsed time.Duration `json:"elapsed_ns"` // from Begin to End

	// OwnCPU is what the generator's thread used meanwhile; 0 where that is unknown.
	OwnCPU time.Duration `json:"own_cpu_ns"`

	Sent       int64            `json:"sent"`             // requests started
	Requests   int64            `json:"requests"`         // answered as they should be
	Errors     map[string]int64 `json:"errors,omitempty"` // requests that failed, by kind, see the Err constants
	Statuses   map[int]int64    `json:"statuses"`         // replies by HTTP status, of every request that got a head
	Left       int64            `json:"left"`             // clients that hung up as Job.Leave says
	Unfinished int64            `json:"unfinished"`       // still under way, or not even sent, when the run was over
	Dials      int64            `json:"dials"`            // connections opened, warm-up included, Job.Idle not
	IdleOpen   int64            `json:"idle_open"`        // of Job.Idle, those still open at the end

	// Rate is Requests per second: of the time in which requests were started, or
	// of Elapsed where that is shorter.
	Rate float64 `json:"rate"`
	// Late counts the requests of an open loop that were sent more than
	// LateAfter after their intended time: the generator, or all connections,
	// were busy. MaxBacklog is the most that waited for a connection at once.
	Late       int64 `json:"late"`
	MaxBacklog int64 `json:"max_backlog"`

	Events    int64 `json:"events"`     // SSE events received, [DONE] aside
	BytesOut  int64 `json:"bytes_out"`  // sent, heads included
	BytesIn   int64 `json:"bytes_in"`   // received, heads included
	BodyBytes int64 `json:"body_bytes"` // received in bodies, chunk framing aside

	// Numbered counts replies of a service that numbers its events and repeats
	// its request's name; the four below are what the numbers told, in events.
	// Each makes its request fail, with ErrOrder or ErrForeign.
	Numbered   int64 `json:"numbered"`
	Lost       int64 `json:"lost"`
	Duplicated int64 `json:"duplicated"`
	Reordered  int64 `json:"reordered"`
	Foreign    int64 `json:"foreign"`

	// Latency runs from the intended time of sending to the reply's last byte,
	// FromSend from the actual time. FirstToken runs from the intended time to
	// the first event with content of a stream, to the body's first byte of any
	// other reply. Gap is the time between two events with content. SendDelay is
	// what the actual time of sending was behind the intended one. The first
	// three are of requests that did not fail.
	Latency    *Histogram `json:"latency"`
	FromSend   *Histogram `json:"from_send"`
	FirstToken *Histogram `json:"first_token"`
	Gap        *Histogram `json:"gap"`
	SendDelay  *Histogram `json:"send_delay"`
}

// LateAfter is how far behind its intended time a request counts as late.
const LateAfter = time.Millisecond

// The kinds of errors. Beside them there is "status N" for each HTTP status
// other than 200.
const (
	ErrDial    = "dial"      // no connection
	ErrReset   = "reset"     // the connection broke before the head was complete
	ErrCut     = "cut"       // it broke after the head
	ErrTimeout = "timeout"   // Job.Timeout passed
	ErrHTTP    = "malformed" // not HTTP, or not framed as it says
	ErrReply   = "reply"     // well-framed, but not what was asked for: no SSE, no JSON, no [DONE], or an error event
	ErrOrder   = "order"     // events lost, doubled or out of order
	ErrForeign = "foreign"   // events, or a reply, of another request
)

func newResult(job Job) *Result {
	return &Result{
		Job: job, Errors: map[string]int64{}, Statuses: map[int]int64{},
		Latency: NewHistogram(), FromSend: NewHistogram(), FirstToken: NewHistogram(), Gap: NewHistogram(), SendDelay: NewHistogram(),
	}
}

// ErrorCount is the number of requests that failed.
func (r *Result) ErrorCount() (n int64) {
	for _, k := range r.Errors {
		n += k
	}
	return n
}

// ErrorText lists the errors, the same way each time, "" for none.
func (r *Result) ErrorText() string {
	var list []string
	for _, kind := range slices.Sorted(maps.Keys(r.Errors)) {
		list = append(list, strconv.FormatInt(r.Errors[kind], 10)+" x "+kind)
	}
	return strings.Join(list, ", ")
}

// Merge adds o, another round of the same Job, to r. Rate becomes the mean,
// weighted by time.
func (r *Result) Merge(o *Result) {
	if t := r.Elapsed + o.Elapsed; t > 0 {
		r.Rate = (r.Rate*r.Elapsed.Seconds() + o.Rate*o.Elapsed.Seconds()) / t.Seconds()
	}
	r.Elapsed += o.Elapsed
	r.OwnCPU += o.OwnCPU
	for _, p := range []struct{ to, from *int64 }{
		{&r.Sent, &o.Sent},
		{&r.Requests, &o.Requests},
		{&r.Left, &o.Left},
		{&r.Unfinished, &o.Unfinished},
		{&r.Dials, &o.Dials},
		{&r.Late, &o.Late},
		{&r.Events, &o.Events},
		{&r.BytesOut, &o.BytesOut},
		{&r.BytesIn, &o.BytesIn},
		{&r.BodyBytes, &o.BodyBytes},
		{&r.Numbered, &o.Numbered},
		{&r.Lost, &o.Lost},
		{&r.Duplicated, &o.Duplicated},
		{&r.Reordered, &o.Reordered},
		{&r.Foreign, &o.Foreign},
	} {
		*p.to += *p.from
	}
	r.IdleOpen = o.IdleOpen
	r.MaxBacklog = max(r.MaxBacklog, o.MaxBacklog)
	for kind, n := range o.Errors {
		r.Errors[kind] += n
	}
	for status, n := range o.Statuses {
		r.Statuses[status] += n
	}
	r.Latency.Merge(o.Latency)
	r.FromSend.Merge(o.FromSend)
	r.FirstToken.Merge(o.FirstToken)
	r.Gap.Merge(o.Gap)
	r.SendDelay.Merge(o.SendDelay)
}
