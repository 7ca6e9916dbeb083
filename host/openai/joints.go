package openai

import (
	"bytes"
	"sync"
)

// Chats repeat themselves between their texts: `"},{"role":"user","content":"`. The
// same bytes at the same nesting come to the same nesting, so what has been checked
// once is only compared when it comes again.

const (
	manyTexts = 4 << 10 // bytes of a body that is worth it
	shortText = 16      // what is no longer belongs to a joint
	maxJoint  = 128     // bytes
)

// joint is what stood between two texts, from behind the one's closing quote to
// behind the other's opening quote, and the nesting there.
type joint struct {
	bytes         []byte
	before, after nesting
	next          int // known joint that followed last time
}

// nesting is all that decides what may come next, of up to 64 levels.
type nesting struct {
	level   int
	objects uint64 // bit n: the container at level n is an object
}

// joints are those of one document.
type joints struct {
	known [4]joint
	n     int // have been learned; what is learned replaces the oldest
	last  int // of known, that came last

	end int // of the text that came last, in the value that is checked; 0 for none
	at  nesting
}

var jointsPool = sync.Pool{New: func() any { return new(joints) }}

// giveBack makes j, which holds a body, anybody's.
func (j *joints) giveBack() {
	*j = joints{}
	jointsPool.Put(j)
}

// learn takes in what stood between the text that came last and one that begins at
// start.
func (j *joints) learn(b []byte, start int, now nesting) {
	if j.end == 0 || start-j.end > maxJoint {
		return
	}
	between := b[j.end:start]
	for i := range j.known {
		if k := &j.known[i]; k.before == j.at && bytes.Equal(k.bytes, between) {
			j.known[j.last].next, j.last = i, i
			return
		}
	}
	i := j.n % len(j.known)
	j.n++
	j.known[j.last].next = i
	j.known[i] = joint{bytes: between, before: j.at, after: now, next: i}
	j.last = i
}

// again goes on from a text, b[start:end], from joint to joint as long as each is
// the one that is expected, and returns where the last text ends, or -1 after a call
// of fail.
func (c *checker) again(start, end int, now nesting) (int, nesting) {
	j := c.joints
	j.learn(c.b, start, now)
	for end > 0 {
		next := j.known[j.last].next
		k := &j.known[next]
		if k.before != now || !bytes.HasPrefix(c.b[end:], k.bytes) {
			break
		}
		j.last, now = next, k.after
		start := end + len(k.bytes)
		end = c.rest(start, start, 0)
	}
	j.end, j.at = end, now
	return end, now
}
