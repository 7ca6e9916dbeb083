package host

import (
	"math"
	"time"

	"github.com/infinirouter/infinirouter/host/openai"
)

// outcome is how an exchange ended: what /metrics counts, the access log
// writes and on_done reads.
type outcome struct {
	kind       outcomeKind
	service    string
	status     int
	attempts   int
	queued     time.Duration // in the queue
	firstByte  time.Duration // accept to the first byte of the reply's body
	total      time.Duration // accept to the end
	usage      openai.Usage
	hasUsage   bool
	replyBytes int64
	events     int
	err        string
}

type outcomeKind string

const (
	outcomeOK           outcomeKind = "ok"
	outcomeClientGone   outcomeKind = "client_gone"
	outcomeServiceError outcomeKind = "service_error"
	outcomeTimeout      outcomeKind = "timeout"
	outcomeRejected     outcomeKind = "rejected" // by the router or a policy
	outcomeCut          outcomeKind = "cut"      // broke after its head was sent
)

func (o *outcome) tokens(n int64) float64 {
	if !o.hasUsage {
		return math.NaN()
	}
	return float64(n)
}

func (o *outcome) addUsage(document []byte) {
	if u, ok := openai.ParseUsage(document); ok {
		o.usage.Merge(u)
		o.hasUsage = true
	}
}
