package state

import (
	"hash/maphash"
	"maps"
	"math"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
)

// DefaultBytes is how much a Memory holds unless told otherwise.
const DefaultBytes = 64 << 20

// sweepEvery is how often expired values are looked for; until then they hold
// memory, but nobody sees them.
const sweepEvery = 10 * time.Second

// Memory is a plugins.Store in the process's memory. Its methods may be called
// from any goroutine, after Close too.
type Memory struct {
	max    int64
	used   atomic.Int64 // bytes, those about to be stored included; never over max
	start  time.Time    // of the clock that expiry goes by
	seed   maphash.Seed
	spare  spare
	scopes atomic.Pointer[map[string]*scope] // copied on write
	mu     sync.Mutex                        // of storing scopes

	close  sync.Once
	closed chan struct{}
	swept  chan struct{} // closed when the sweeper has ended
}

var _ plugins.Store = (*Memory)(nil)

// NewMemory returns an empty store of at most maxBytes (0: DefaultBytes), keys
// and bookkeeping included; a little memory more waits for the next values.
// Close ends its goroutine.
func NewMemory(maxBytes int64) *Memory {
	if maxBytes <= 0 {
		maxBytes = DefaultBytes
	}
	m := &Memory{
		max: maxBytes, start: time.Now(), seed: maphash.MakeSeed(),
		closed: make(chan struct{}), swept: make(chan struct{}),
	}
	m.spare.max = int(min(spareBytes, maxBytes/16))
	m.scopes.Store(&map[string]*scope{})
	go m.sweep()
	return m
}

// Close stops the sweeper and waits for its end. Values stay.
func (m *Memory) Close() error {
	m.close.Do(func() { close(m.closed) })
	<-m.swept
	return nil
}

// Bytes returns how much of the store is used.
func (m *Memory) Bytes() int64 { return m.used.Load() }

// Get implements plugins.Store. An integer that Add made is its decimal digits.
func (m *Memory) Get(dst []byte, scope string, key []byte) (value []byte, ok bool, err error) {
	sh := m.shard(scope, key)
	if sh == nil {
		return dst, false, nil
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := m.live(sh, key)
	if e == nil {
		return dst, false, nil
	}
	sh.touch(e)
	if e.isNumber {
		return strconv.AppendInt(dst, e.number, 10), true, nil
	}
	return append(dst, e.value...), true, nil
}

// Set implements plugins.Store. It refuses a value over the scope's even share
// of the store with plugins.ErrTooLarge, a negative ttl with
// plugins.ErrMalformed.
func (m *Memory) Set(scope string, key, value []byte, ttl time.Duration) error {
	if ttl < 0 {
		return plugins.ErrMalformed
	}
	s := m.scope(scope)
	sh := s.shard(m.hash(key))
	if m.overwrite(sh, key, value, ttl) {
		return nil
	}
	room := m.spare.take(len(value), len(value)+len(value)/4)
	cost := costOf(key, max(len(value), cap(room)))
	if err := m.reserve(s, cost); err != nil {
		m.spare.keep(room)
		return err
	}
	if room == nil {
		room = m.spare.take(len(value), len(value)) // that was just evicted
	}
	if room == nil {
		room = make([]byte, 0, len(value))
	}
	fresh := &entry{key: string(key), value: append(room, value...)}
	sh.mu.Lock()
	fresh.expires = m.expiry(ttl)
	freed := sh.put(fresh)
	sh.mu.Unlock()
	m.release(s, freed)
	return nil
}

// overwrite puts value into the memory that the key's old one has, if it fits
// there without waste.
func (m *Memory) overwrite(sh *shard, key, value []byte, ttl time.Duration) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.items[string(key)]
	if e == nil || e.isNumber || cap(e.value) < len(value) || cap(e.value) > 2*len(value)+64 {
		return false
	}
	e.value = append(e.value[:0], value...)
	e.expires = m.expiry(ttl)
	sh.touch(e)
	return true
}

// Add implements plugins.Store. Sums stay within an int64, whose smallest value
// means failure to a policy, so that they stop short of it.
func (m *Memory) Add(scope string, key []byte, delta int64, ttl time.Duration) (int64, error) {
	if ttl < 0 {
		return 0, plugins.ErrMalformed
	}
	s := m.scope(scope)
	sh := s.shard(m.hash(key))
	if sum, ok := m.addTo(s, sh, key, delta); ok {
		return sum, nil
	}
	fresh := &entry{key: string(key), isNumber: true}
	if err := m.reserve(s, fresh.cost()); err != nil {
		return 0, err
	}
	sh.mu.Lock()
	e := m.live(sh, key)
	freed := fresh.cost()
	if e == nil { // still: nobody made it meanwhile
		fresh.expires = m.expiry(ttl)
		freed = sh.put(fresh)
		e = fresh
	}
	sum, shrunk := e.add(delta)
	sh.mu.Unlock()
	m.release(s, freed+shrunk)
	return sum, nil
}

// addTo adds to the key's value if there is one.
func (m *Memory) addTo(s *scope, sh *shard, key []byte, delta int64) (sum int64, ok bool) {
	sh.mu.Lock()
	e := m.live(sh, key)
	if e == nil {
		sh.mu.Unlock()
		return 0, false
	}
	sh.touch(e)
	sum, shrunk := e.add(delta)
	sh.mu.Unlock()
	m.release(s, shrunk)
	return sum, true
}

// now is the store's clock; a change of the wall clock does not move it.
func (m *Memory) now() int64 { return int64(time.Since(m.start)) }

// expiry is when a value that is stored now expires; 0: never.
func (m *Memory) expiry(ttl time.Duration) int64 {
	now := m.now()
	if ttl == 0 || int64(ttl) > math.MaxInt64-now {
		return 0
	}
	return now + int64(ttl)
}

// live returns the key's entry unless it is gone or expired.
func (m *Memory) live(sh *shard, key []byte) *entry {
	e := sh.items[string(key)]
	if e == nil || e.expires != 0 && e.expires <= m.now() {
		return nil
	}
	return e
}

func (m *Memory) hash(key []byte) uint64 { return maphash.Bytes(m.seed, key) }

// shard returns the key's shard, nil when the scope has nothing.
func (m *Memory) shard(name string, key []byte) *shard {
	if s := (*m.scopes.Load())[name]; s != nil {
		return s.shard(m.hash(key))
	}
	return nil
}

// scope returns the scope, made if need be.
func (m *Memory) scope(name string) *scope {
	if s := (*m.scopes.Load())[name]; s != nil {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := *m.scopes.Load()
	if s := before[name]; s != nil {
		return s
	}
	after := make(map[string]*scope, len(before)+1)
	maps.Copy(after, before)
	s := newScope(&m.spare)
	after[name] = s
	m.scopes.Store(&after)
	return s
}

// reserve makes room for n bytes of s and takes it. As n is within an even
// share, a store that is too full with it has a scope over that share, and that
// one gives way.
func (m *Memory) reserve(s *scope, n int64) error {
	if n > m.max/int64(len(*m.scopes.Load())) {
		return plugins.ErrTooLarge
	}
	s.used.Add(n)
	for {
		used := m.used.Load()
		if used+n <= m.max {
			if m.used.CompareAndSwap(used, used+n) {
				return nil
			}
			continue
		}
		if !m.evict() {
			runtime.Gosched() // all room is reserved by those who are about to store
		}
	}
}

func (m *Memory) release(s *scope, n int64) {
	if n != 0 {
		s.used.Add(-n)
		m.used.Add(-n)
	}
}

// evict removes the least recently used value of the scope that uses most, or
// of the next one when that has none stored yet.
func (m *Memory) evict() bool {
	scopes := *m.scopes.Load()
	for tried := map[*scope]bool(nil); len(tried) < len(scopes); {
		var largest *scope
		for _, s := range scopes {
			if !tried[s] && (largest == nil || s.used.Load() > largest.used.Load()) {
				largest = s
			}
		}
		if freed := largest.evict(); freed > 0 {
			m.release(largest, freed)
			return true
		}
		if tried == nil {
			tried = map[*scope]bool{}
		}
		tried[largest] = true
	}
	return false
}

// sweep removes what has expired, shard by shard, until Close.
func (m *Memory) sweep() {
	defer close(m.swept)
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-m.closed:
			return
		case <-ticker.C:
		}
		for _, s := range *m.scopes.Load() {
			for i := range s.shards {
				m.release(s, s.shards[i].removeExpired(m.now()))
			}
		}
	}
}
