//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// soakRoutes are the routes of the soak, told apart by a header; which rules a
// retry has on each is what its failures are judged by.
var soakRoutes = []string{"again", "once", "hedged", "rejecting", "skipping"}

const (
	soakAgain     = iota // duplicate_work: anything before the first byte is tried again
	soakOnce             // only what no service has worked on is
	soakHedged           // as again, and a second service is asked beside a slow first
	soakRejecting        // as once, behind a villain with on_error = "reject"
	soakSkipping         // as once, behind a villain with on_error = "skip"
)

// doubles reports whether the route sends a request again that was sent.
func doubles(route uint8) bool { return route == soakAgain || route == soakHedged }

// byVillain reports whether the route has a villain.
func byVillain(route uint8) bool { return route >= soakRejecting }

// When a client leaves.
const (
	staysToTheEnd = iota
	leavesInHead  // of its own request
	leavesInBody  // of its own request
	leavesInPrefill
	leavesInReply
)

// soakPlan is one request: all of it follows from its id.
type soakPlan struct {
	route  uint8
	leaves uint8
	after  time.Duration // prefill, until the client leaves
	asks   int           // bytes of the body
	chunks bool          // the body comes in chunks

	// What the service is asked for, by X-Plan.
	stream   bool
	chunked  bool
	first    time.Duration // before the reply begins
	gap      time.Duration // between its pieces
	pieces   int
	size     int // of a piece
	breaksAt int // tenths of a piece, for a service that dies
}

func planOfSoak(id uint32) soakPlan {
	r := rand.New(rand.NewPCG(uint64(id), 11))
	p := soakPlan{
		stream: r.IntN(2) == 0, chunks: r.IntN(4) == 0, breaksAt: r.IntN(10),
		asks: 200 + r.IntN(1800), pieces: 1, size: 20 + r.IntN(4000),
		first: time.Duration(r.IntN(20_000)) * time.Microsecond,
	}
	switch n := r.IntN(50); {
	case n < 20:
		p.route = soakAgain
	case n < 40:
		p.route = soakOnce
	case n < 49:
		p.route = soakHedged
	default:
		p.route = uint8(soakRejecting + r.IntN(2))
	}
	switch n := r.IntN(100); {
	case n < 20:
		p.asks = 2000 + r.IntN(30_000)
	case n < 25:
		p.asks = 30_000 + r.IntN(200_000)
	case n == 25 && r.IntN(5) == 0:
		p.asks = 2 << 20
	}
	p.chunked = p.stream || r.IntN(2) == 0
	switch {
	case p.stream:
		p.pieces, p.size = 3+r.IntN(20), 20+r.IntN(200)
		p.gap = time.Duration(r.IntN(4000)) * time.Microsecond
		if r.IntN(500) == 0 { // one that lives through reloads and deaths
			p.pieces, p.gap = 40, 150*time.Millisecond
		}
	case r.IntN(20) == 0:
		p.pieces, p.size = 4, soakLargest
	}
	if r.IntN(12) == 0 {
		p.leaves = uint8(leavesInHead + r.IntN(4))
		p.after = time.Duration(r.IntN(25_000)) * time.Microsecond
	}
	return p
}

// hurried is p without its pauses, and with a client that stays, on an honest
// route: what capacity is measured with.
func (p soakPlan) hurried() soakPlan {
	p.first, p.gap, p.leaves, p.route = 0, 0, staysToTheEnd, p.route%soakRejecting
	if p.pieces > 30 {
		p.pieces = 10
	}
	return p
}

func (p soakPlan) header() string {
	return fmt.Sprint(p.stream, p.chunked, p.first.Microseconds(), p.gap.Microseconds(), p.pieces, p.size, p.breaksAt)
}

func parseSoakPlan(s string) (p soakPlan, err error) {
	var first, gap int64
	_, err = fmt.Sscan(s, &p.stream, &p.chunked, &first, &gap, &p.pieces, &p.size, &p.breaksAt)
	if err != nil {
		return p, fmt.Errorf("a request without a plan: %q", s)
	}
	p.first, p.gap = time.Duration(first)*time.Microsecond, time.Duration(gap)*time.Microsecond
	return p, nil
}

const soakLargest = 80_000 // of a piece

// soakPads are what replies are filled with.
var soakPads = func() (pads [26]string) {
	for i := range pads {
		pads[i] = strings.Repeat(string(rune('a'+i)), soakLargest)
	}
	return pads
}()

// reply is what the service answers, in pieces: each says whose it is, and what
// of the request has arrived.
func (p soakPlan) reply(id uint32, sum uint32) []string {
	out := make([]string, p.pieces)
	for i := range out {
		pad := soakPads[(int(id)+i)%len(soakPads)][:p.size]
		switch {
		case p.stream:
			out[i] = fmt.Sprintf("data: {\"id\":%q,\"sum\":%d,\"n\":%d,\"of\":%d,\"pad\":\"%s\"}\n\n", soakID(id), sum, i, p.pieces, pad)
		case i == 0:
			out[i] = fmt.Sprintf(`{"id":%q,"sum":%d,"pad":["%s"`, soakID(id), sum, pad)
		default:
			out[i] = `,"` + pad + `"`
		}
	}
	if p.stream {
		out[p.pieces-1] += "data: [DONE]\n\n"
	} else {
		out[p.pieces-1] += fmt.Sprintf(`],"end":%q}`, soakID(id))
	}
	return out
}

// body is what the client sends. The policies of honest routes turn "soak" into
// the model that the services have.
func (p soakPlan) body(id uint32) []byte {
	model := "soak"
	if byVillain(p.route) {
		model = "m"
	}
	head := fmt.Sprintf(`{"model":%q,"stream":%v,"user":%q,"messages":[{"role":"user","content":"`, model, p.stream, soakID(id))
	b := append(make([]byte, 0, len(head)+p.asks+8), head...)
	for left := p.asks; left > 0; left -= soakLargest {
		b = append(b, soakPads[23][:min(left, soakLargest)]...)
	}
	return append(b, "\"}]}"...)
}

func soakID(id uint32) string { return fmt.Sprintf("soak-%09d", id) }

func parseSoakID(s string) (id uint32, err error) {
	if _, err := fmt.Sscanf(s, "soak-%09d", &id); err != nil || len(s) != len("soak-000000000") {
		return 0, fmt.Errorf("a request that is none of the soak's: %q", s)
	}
	return id, nil
}
