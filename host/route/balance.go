package route

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/service"
)

// Candidate is a healthy service that could take an exchange.
type Candidate struct {
	Service *service.Service
	// Score is a policy's preference: 1 by default, 0 excludes, higher goes first.
	Score float64

	share int64   // of the service, as it was when ranking began
	place float64 // by rendezvous hashing, see affinity
}

// Balancer ranks candidates. Implementations are safe for concurrent use.
type Balancer interface {
	// Rank reorders cands in place, best first, and returns those that may be
	// tried: it drops a candidate with score 0 (or NaN, or below) and one of
	// weight 0, which finishes what it has and gets nothing new, even when it is
	// the only one. Services without a free slot come last whatever their score;
	// before that, a higher score precedes a lower one, and among equal scores
	// the balancer decides. cands are in the order of router.toml. key is a hash
	// of what the exchange has in common with others that should go where it
	// goes, 0 for nothing; balancers that know no such thing ignore it. random is
	// the exchange's random sequence. Rank keeps neither, and does not allocate
	// (round_robin does when it meets a set of candidates for the first time).
	Rank(cands []Candidate, key uint64, random func() uint64) []Candidate
}

// NewBalancer returns a new balancer of the kind that the route names;
// least_request when it names none.
func NewBalancer(r config.Route) Balancer {
	switch r.Balance {
	case config.BalanceRoundRobin:
		return newRoundRobin()
	case config.BalanceRandom:
		return weighted{draw}
	case config.BalanceLeastLoad:
		return weighted{drawLessBusy}
	case config.BalanceSession, config.BalancePrefix:
		return affinity{bound: max(r.Affinity.LoadBound, 1), otherwise: weighted{drawLessLoaded}}
	default:
		return weighted{drawLessLoaded}
	}
}

// places is how many places of a ranking are balanced with care. More are needed
// only when so many services refused in a row; those follow in any order.
const places = 8

// arrange drops what must not be tried and sorts the rest: those with a free
// slot first, then by score. Candidates that are equal in both keep their order.
func arrange(cands []Candidate) []Candidate {
	n, sorted := 0, true
	for _, c := range cands {
		if !(c.Score > 0) || c.Service.Weight() <= 0 {
			continue
		}
		if c.Service.Full() {
			// Marked in the sign, because a second look while sorting may
			// find the service with a free slot.
			c.Score = -c.Score
		}
		c.share = c.Service.Share()
		if n > 0 && byRank(cands[n-1], c) > 0 {
			sorted = false
		}
		cands[n] = c
		n++
	}
	cands = cands[:n]
	if !sorted {
		slices.SortStableFunc(cands, byRank)
	}
	return cands
}

func byRank(a, b Candidate) int {
	if math.Signbit(a.Score) != math.Signbit(b.Score) {
		return cmp.Compare(b.Score, a.Score)
	}
	return cmp.Compare(math.Abs(b.Score), math.Abs(a.Score))
}

// tier returns how many candidates at the start of cands, which arrange has
// sorted, are equal, and takes arrange's mark off them.
func tier(cands []Candidate) int {
	n, score := 0, cands[0].Score
	for n < len(cands) && cands[n].Score == score {
		cands[n].Score = math.Abs(score)
		n++
	}
	return n
}

// below returns a number in [0, n). The bias for the n of weights is below 2^-32.
func below(n uint64, random func() uint64) uint64 {
	hi, _ := bits.Mul64(random(), n)
	return hi
}
