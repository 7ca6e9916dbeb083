package config

import "time"

// Queue is [server.queue].
type Queue struct {
	Size    int           // requests that may wait; 0: none does
	Timeout time.Duration // that one may wait
}

// The values of Route.Priority and APIKey.Priority.
const (
	PriorityHigh    = "high"
	PriorityNormal  = "normal"
	PriorityLow     = "low"
	PriorityOfRoute = "route" // of a key: what its route says
)

// bodyMemory checks that the largest body has room.
func (r *reader) bodyMemory(s *Server) {
	p := r.root.field("server").field("max_body_memory")
	switch {
	case s.MaxBodyMemory == 0:
	case s.MaxBodyMemory < s.MaxBody:
		r.fail(p, "is under server.max_body, %s", spellSize(s.MaxBody))
	case s.MaxBodyMemory < s.MaxReplyBody:
		r.fail(p, "is under server.max_reply_body, %s", spellSize(s.MaxReplyBody))
	}
}

func queueSchema(q *Queue) []key {
	return []key{
		integer("size", &q.Size, 0, span{0, maxCount}, "Most requests that wait; 0: none does."),
		duration("timeout", &q.Timeout, 30*time.Second, time.Millisecond, "How long one may wait."),
	}
}
