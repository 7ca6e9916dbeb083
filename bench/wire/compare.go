package wire

import (
	"fmt"
	"strings"
)

// Class is what came of a case, in short.
type Class string

// The classes. Those in capitals are what a router must never do.
const (
	Refused Class = "refused"         // the client was told, the service saw nothing
	Dropped Class = "dropped"         // the connection was closed without a word
	Waits   Class = "waits"           // for more to come, which never will
	Passed  Class = "passed on"       // in a form with one reading
	Cut     Class = "PASSED ON, CUT"  // a part of it
	Unclear Class = "TWO READINGS"    // in a form that another parser may read otherwise
	Right   Class = "as it was"       // a reply that is whole reached the client whole
	Failed  Class = "failed"          // the client was told that the service failed
	Marked  Class = "cut, marked"     // the client can see that the reply was cut
	Lenient Class = "repaired"        // a malformed reply was made a proper one
	Whole   Class = "CUT, SEEN WHOLE" // a reply that was cut looks complete
	Mixed   Class = "NEXT ONE WRONG"  // the next request did not get its own reply
	Garbled Class = "NO HTTP"         // the client got what is no reply
)

// Bad says that a router must never do this.
func (c Class) Bad() bool { return string(c) == strings.ToUpper(string(c)) }

// Verdict is what became of one case at one router.
type Verdict struct {
	Class  Class
	Detail string
}

// CompareRequest runs a case of the requests at a router of which nothing is
// known.
func CompareRequest(addr string, s *Service, c *Case) (Verdict, error) {
	o, err := Request(addr, s, c, 1<<20, false)
	if err != nil {
		return Verdict{}, err
	}
	statuses := strings.Trim(fmt.Sprint(o.Statuses), "[]")
	for _, r := range o.Reached {
		switch {
		case r.Err == nil:
		case r.Err == errEnded:
			return Verdict{Cut, statuses}, nil
		default:
			return Verdict{Unclear, r.Err.Error()}, nil
		}
	}
	switch {
	case o.Err != nil:
		return Verdict{Garbled, o.Err.Error()}, nil
	case len(o.Reached) > 0:
		return Verdict{Passed, statuses}, nil
	case len(o.Statuses) > 0:
		return Verdict{Refused, statuses}, nil
	case o.Closed:
		return Verdict{Dropped, ""}, nil
	}
	return Verdict{Waits, ""}, nil
}

// CompareReply runs a case of the replies.
func CompareReply(addr string, s *Service, c *Case) (Verdict, error) {
	v, err := Reply(addr, s, c)
	if err != nil {
		return Verdict{}, err
	}
	status := fmt.Sprint(v.Status)
	own := v.Status >= 500 && v.Status != c.Statuses[0]
	switch {
	case v.After != nil:
		return Verdict{Mixed, v.After.Error()}, nil
	case v.Err != nil:
		return Verdict{Garbled, v.Err.Error()}, nil
	case v.Status == 0 && !v.Waiting:
		return Verdict{Dropped, ""}, nil
	case own || v.Status == 502:
		return Verdict{Failed, status}, nil
	case v.Waiting:
		return Verdict{Waits, status}, nil
	case !v.Whole:
		return Verdict{Marked, status}, nil
	case c.File == "cut":
		return Verdict{Whole, status}, nil
	case c.File == "malformed":
		return Verdict{Lenient, status}, nil
	}
	return Verdict{Right, status}, nil
}
