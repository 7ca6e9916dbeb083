package route

// weighted ranks by drawing lots, each candidate with as many as its weight.
// It has no state.
type weighted struct {
	// next returns the position of the candidate that goes first.
	next func(cands []Candidate, l lots, random func() uint64) int
}

// Rank implements Balancer.
func (w weighted) Rank(cands []Candidate, _ uint64, random func() uint64) []Candidate {
	cands = arrange(cands)
	for rest, left := cands, places; len(rest) > 0; {
		n := tier(rest)
		l := count(rest[:n])
		for i := 0; i < n-1 && left > 0; i, left = i+1, left-1 {
			open := rest[i:n]
			chosen := w.next(open, l, random)
			open[0], open[chosen] = open[chosen], open[0]
			l.total -= weight(open[0])
		}
		rest = rest[n:]
	}
	return cands
}

// lots are what candidates hold together.
type lots struct {
	total uint64
	even  bool // all hold the same number
}

func count(cands []Candidate) lots {
	l := lots{even: true}
	for i := range cands {
		w := weight(cands[i])
		l.total += w
		l.even = l.even && w == weight(cands[0])
	}
	return l
}

func weight(c Candidate) uint64 { return uint64(c.share) }

// draw returns a position at random, in proportion to weight: the random balancer.
func draw(cands []Candidate, l lots, random func() uint64) int {
	if l.even {
		return int(below(uint64(len(cands)), random))
	}
	lot := below(l.total, random)
	for i := range cands {
		w := weight(cands[i])
		if lot < w {
			return i
		}
		lot -= w
	}
	return len(cands) - 1
}

// drawLessLoaded draws two candidates and returns the one with fewer requests in
// flight for its share; the first drawn when they are equal, so that idle
// services are met in proportion to weight: the least_request balancer.
func drawLessLoaded(cands []Candidate, l lots, random func() uint64) int {
	drawTwo(cands, l, random)
	if lessLoaded(cands[1], cands[0]) {
		return 1
	}
	return 0
}

// drawLessBusy is drawLessLoaded by what services say of their load: the
// least_load balancer. Two are drawn, and not the idlest of all taken, because
// what they say is up to a look old, and every router reads the same.
func drawLessBusy(cands []Candidate, l lots, random func() uint64) int {
	drawTwo(cands, l, random)
	if cands[1].Service.Load()*float64(cands[0].share) < cands[0].Service.Load()*float64(cands[1].share) {
		return 1
	}
	return 0
}

// drawTwo draws two different candidates and puts them in front.
func drawTwo(cands []Candidate, l lots, random func() uint64) {
	one := draw(cands, l, random)
	cands[0], cands[one] = cands[one], cands[0]
	l.total -= weight(cands[0])
	two := 1 + draw(cands[1:], l, random)
	cands[1], cands[two] = cands[two], cands[1]
}

// lessLoaded compares requests in flight per share, without dividing.
func lessLoaded(a, b Candidate) bool {
	return a.Service.InFlight()*b.share < b.Service.InFlight()*a.share
}
