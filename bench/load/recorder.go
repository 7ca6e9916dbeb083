//go:build unix

package load

import "time"

// recorder writes into a result what one phase of a run brings: the warm-up has
// one of its own, which is thrown away.
type recorder struct {
	r        *Result
	statuses [1000]int64
}

func newRecorder(job Job) *recorder { return &recorder{r: newResult(job)} }

func (r *recorder) gap(ns int64) { r.r.Gap.Record(time.Duration(ns)) }

// sent notes a request that was sent.
func (r *recorder) sent(intended, now int64, open bool) {
	late := time.Duration(now - intended)
	r.r.SendDelay.Record(late)
	if open && late > LateAfter {
		r.r.Late++
	}
}

// over notes how a request ended.
func (r *recorder) over(c *conn, now int64) {
	p := &c.reply
	if p.status > 0 {
		r.statuses[p.status]++
	}
	r.r.Events += int64(p.events)
	r.r.BodyBytes += p.body
	r.r.Lost += p.lost
	r.r.Duplicated += p.doubled
	r.r.Reordered += p.reordered
	r.r.Foreign += p.foreign
	if p.numbered {
		r.r.Numbered++
	}
	if p.fault != "" {
		r.r.Errors[p.fault]++
		return
	}
	r.r.Requests++
	r.r.Latency.Record(time.Duration(now - c.intended))
	r.r.FromSend.Record(time.Duration(now - c.sent))
	r.r.FirstToken.Record(time.Duration(p.firstToken() - c.intended))
}

// result finishes and returns the result.
func (r *recorder) result() *Result {
	for status, n := range r.statuses {
		if n > 0 {
			r.r.Statuses[status] = n
		}
	}
	return r.r
}
