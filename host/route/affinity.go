package route

// affinity sends what has a key in common to one service: the balancers session
// and prefix, which differ in what the key is.
//
// It is weighted rendezvous hashing. Every service has a place for a key, from
// the two hashes and its share, and the key goes to the one in the first place.
// Nothing is kept, so any candidates will do, whatever policies, ejections and
// drains have left of them; every router decides alike; and when one goes or
// comes, just the keys whose first place it had, or takes, move: 1/n of them. A
// ring moves as few, but needs hundreds of points a service to be as even, built
// anew for each set of candidates. That -share/ln(u) gives each service its share
// is Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", 2005, after
// Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998.
//
// A popular key must not drown its service: one that has more than bound times
// its part of what is in flight is passed over, and the key goes to its next
// place, where it finds the others of its kind that found no room (Mirrokni,
// Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2018).
type affinity struct {
	bound     float64
	otherwise weighted // for an exchange without a key
}

// room is how many requests a service may have whatever the bound says. A batch
// of some requests costs an engine little, a prompt that is not in its cache much.
const room = 4

// Rank implements Balancer.
func (a affinity) Rank(cands []Candidate, key uint64, random func() uint64) []Candidate {
	if key == 0 {
		return a.otherwise.Rank(cands, 0, random)
	}
	cands = arrange(cands)
	for rest, left := cands, places; len(rest) > 0; {
		n := tier(rest)
		left -= a.order(rest[:n], key, left)
		rest = rest[n:]
	}
	return cands
}

// order puts the service in front that takes the key, and behind it those that
// are next, most places at most. It returns how many have the place that is due
// to them.
func (a affinity) order(cands []Candidate, key uint64, most int) int {
	if len(cands) == 1 || most <= 0 {
		return min(most, 1)
	}
	var open, shares int64
	for i := range cands {
		c := &cands[i]
		c.place = placeOf(key, c.Service.NameHash(), c.share)
		open += c.Service.InFlight()
		shares += c.share
	}
	each := a.bound * float64(open+1) / float64(shares) // for one of share 1
	first, chosen := 0, -1
	for i := range cands {
		if cands[i].place > cands[first].place {
			first = i
		}
		if (chosen < 0 || cands[i].place > cands[chosen].place) && hasRoom(&cands[i], each) {
			chosen = i
		}
	}
	if chosen < 0 { // requests came meanwhile
		chosen = first
	}
	cands[0], cands[chosen] = cands[chosen], cands[0]
	most = min(most, len(cands))
	for i := 1; i < most; i++ {
		next := i
		for j := i + 1; j < len(cands); j++ {
			if cands[j].place > cands[next].place {
				next = j
			}
		}
		cands[i], cands[next] = cands[next], cands[i]
	}
	return most
}

// hasRoom reports whether one request more keeps a service within its part,
// rounded up.
func hasRoom(c *Candidate, each float64) bool {
	n := c.Service.InFlight()
	return n < room || float64(n) < each*float64(c.share)
}
