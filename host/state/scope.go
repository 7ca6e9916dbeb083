package state

import (
	"math"
	"strconv"
	"sync"
	"sync/atomic"
)

const (
	shardsPerScope = 32
	// entryBytes is about what an entry costs beside its key and value: itself
	// and its place in the map.
	entryBytes = 160
)

// scope holds the values of one policy.
type scope struct {
	used   atomic.Int64
	puts   atomic.Int64 // values ever stored: the clock of last use
	shards [shardsPerScope]shard
}

func newScope(spare *spare) *scope {
	s := &scope{}
	for i := range s.shards {
		s.shards[i].init(&s.puts, spare)
	}
	return s
}

func (s *scope) shard(hash uint64) *shard { return &s.shards[hash%shardsPerScope] }

// evict removes the value that was used longest ago and returns what it cost; 0
// when there is none.
func (s *scope) evict() int64 {
	for {
		var victim *shard
		oldest := int64(never)
		for i := range s.shards {
			if at := s.shards[i].oldest.Load(); at < oldest {
				victim, oldest = &s.shards[i], at
			}
		}
		if victim == nil {
			return 0
		}
		if freed := victim.removeOldest(); freed > 0 {
			return freed
		}
	}
}

// never is the last use of nothing.
const never = math.MaxInt64

// shard is a map and a ring through its entries by last use.
type shard struct {
	mu     sync.Mutex
	puts   *atomic.Int64
	spare  *spare
	oldest atomic.Int64 // last use of ring.prev, never when there is none
	items  map[string]*entry
	ring   entry // ring.next is the last used, ring.prev the one used longest ago
}

// entry is a key with a value, which is text or a number.
type entry struct {
	key        string
	value      []byte
	number     int64
	isNumber   bool
	expires    int64 // on the store's clock; 0: never
	lastUse    int64 // by the scope's puts
	prev, next *entry
}

func (e *entry) cost() int64 { return costOf(e.key, cap(e.value)) }

func costOf[K string | []byte](key K, value int) int64 { return int64(entryBytes + len(key) + value) }

// add makes the value a number, 0 unless it is one, and adds delta. shrunk is
// by how much e costs less than before.
func (e *entry) add(delta int64) (sum, shrunk int64) {
	if !e.isNumber {
		shrunk = int64(cap(e.value))
		n, err := strconv.ParseInt(string(e.value), 10, 64)
		if err != nil {
			n = 0
		}
		e.number, e.isNumber, e.value = n, true, nil
	}
	e.number = clampedSum(e.number, delta)
	return e.number, shrunk
}

// clampedSum stops at the largest int64 and one above the smallest.
func clampedSum(a, b int64) int64 {
	sum := a + b
	switch {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0, sum == math.MinInt64:
		return math.MinInt64 + 1
	}
	return sum
}

func (sh *shard) init(puts *atomic.Int64, spare *spare) {
	sh.puts, sh.spare = puts, spare
	sh.items = map[string]*entry{}
	sh.ring = entry{prev: &sh.ring, next: &sh.ring, lastUse: never}
	sh.oldest.Store(never)
}

// touch makes e the last used.
func (sh *shard) touch(e *entry) {
	e.lastUse = sh.puts.Load()
	if sh.ring.next != e {
		if e.prev != nil {
			e.prev.next, e.next.prev = e.next, e.prev
		}
		e.prev, e.next = &sh.ring, sh.ring.next
		e.prev.next, e.next.prev = e, e
	}
	sh.age()
}

// age tells evict how old the shard's oldest is.
func (sh *shard) age() { sh.oldest.Store(sh.ring.prev.lastUse) }

// put stores e in place of what its key had, and returns what that cost.
func (sh *shard) put(e *entry) (freed int64) {
	if old := sh.items[e.key]; old != nil {
		freed = sh.remove(old)
	}
	sh.items[e.key] = e
	sh.puts.Add(1)
	sh.touch(e)
	return freed
}

func (sh *shard) remove(e *entry) (freed int64) {
	delete(sh.items, e.key)
	e.prev.next, e.next.prev = e.next, e.prev
	sh.age()
	freed = e.cost()
	sh.spare.keep(e.value)
	e.value = nil
	return freed
}

func (sh *shard) removeOldest() (freed int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.ring.prev == &sh.ring {
		return 0
	}
	return sh.remove(sh.ring.prev)
}

func (sh *shard) removeExpired(now int64) (freed int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, e := range sh.items {
		if e.expires != 0 && e.expires <= now {
			freed += sh.remove(e)
		}
	}
	return freed
}
