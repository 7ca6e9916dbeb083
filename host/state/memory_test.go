package state

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
)

func newMemory(t testing.TB, max int64) *Memory {
	m := NewMemory(max)
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// has fails unless key has the value, or none when want is "".
func has(t testing.TB, m *Memory, scope, key, want string) {
	t.Helper()
	got, ok, err := m.Get([]byte("dst:"), scope, []byte(key))
	if err != nil || ok != (want != "") || string(got) != "dst:"+want {
		t.Errorf("%s/%s: %q, %v, %v; want %q", scope, key, got, ok, err, want)
	}
}

func set(t testing.TB, m *Memory, scope, key, value string, ttl time.Duration) {
	t.Helper()
	if err := m.Set(scope, []byte(key), []byte(value), ttl); err != nil {
		t.Fatal(err)
	}
}

func add(t testing.TB, m *Memory, key string, delta, want int64, ttl time.Duration) {
	t.Helper()
	if sum, err := m.Add("s", []byte(key), delta, ttl); err != nil || sum != want {
		t.Errorf("%s + %d = %d, %v; want %d", key, delta, sum, err, want)
	}
}

func TestValues(t *testing.T) {
	m := newMemory(t, 0)
	has(t, m, "s", "k", "")
	set(t, m, "s", "k", "one", 0)
	has(t, m, "s", "k", "one")
	has(t, m, "other", "k", "")
	set(t, m, "other", "k", "theirs", 0)
	has(t, m, "s", "k", "one")
	set(t, m, "s", "k", "2", 0)
	has(t, m, "s", "k", "2")
	set(t, m, "s", "k", strings.Repeat("long", 1000), 0)
	has(t, m, "s", "k", strings.Repeat("long", 1000))
	set(t, m, "s", "", "empty key", 0)
	has(t, m, "s", "", "empty key")
	if v, ok, err := m.Get(nil, "s", []byte("none")); v != nil || ok || err != nil {
		t.Errorf("%v %v %v", v, ok, err)
	}
	set(t, m, "s", "nothing", "", 0)
	if v, ok, err := m.Get(nil, "s", []byte("nothing")); len(v) != 0 || !ok || err != nil {
		t.Errorf("an empty value: %v %v %v", v, ok, err)
	}
}

func TestCopies(t *testing.T) {
	m := newMemory(t, 0)
	key, value := []byte("key"), []byte("value")
	if err := m.Set("s", key, value, 0); err != nil {
		t.Fatal(err)
	}
	clear(key)
	clear(value)
	got, _, _ := m.Get(nil, "s", []byte("key"))
	clear(got)
	has(t, m, "s", "key", "value")
}

func TestAdd(t *testing.T) {
	m := newMemory(t, 0)
	add(t, m, "n", 2, 2, 0)
	add(t, m, "n", -5, -3, 0)
	has(t, m, "s", "n", "-3")
	set(t, m, "s", "n", "40", 0)
	add(t, m, "n", 2, 42, 0)
	set(t, m, "s", "n", "no number", 0)
	add(t, m, "n", 7, 7, 0)
	set(t, m, "s", "n", "99999999999999999999", 0)
	add(t, m, "n", 1, 1, 0)
	add(t, m, "top", math.MaxInt64, math.MaxInt64, 0)
	add(t, m, "top", 1, math.MaxInt64, 0)
	add(t, m, "top", -1, math.MaxInt64-1, 0)
	add(t, m, "bottom", math.MinInt64, math.MinInt64+1, 0)
	add(t, m, "bottom", -1, math.MinInt64+1, 0)
	add(t, m, "bottom", math.MinInt64, math.MinInt64+1, 0)
	add(t, m, "bottom", math.MaxInt64, 0, 0)
}

func TestRefusals(t *testing.T) {
	m := newMemory(t, 1<<20)
	if err := m.Set("s", []byte("k"), make([]byte, 1<<20), 0); !errors.Is(err, plugins.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := m.Add("s", make([]byte, 1<<20), 1, 0); !errors.Is(err, plugins.ErrTooLarge) {
		t.Errorf("too large a key: %v", err)
	}
	if err := m.Set("s", []byte("k"), nil, -1); !errors.Is(err, plugins.ErrMalformed) {
		t.Errorf("negative ttl: %v", err)
	}
	if _, err := m.Add("s", []byte("k"), 1, -1); !errors.Is(err, plugins.ErrMalformed) {
		t.Errorf("negative ttl: %v", err)
	}
	if m.Bytes() != 0 {
		t.Errorf("%d bytes of nothing", m.Bytes())
	}
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(0)
		defer m.Close()
		set(t, m, "s", "k", "v", time.Second)
		set(t, m, "s", "forever", "v", 0)
		set(t, m, "s", "longest", "v", math.MaxInt64)
		add(t, m, "n", 5, 5, time.Second)
		time.Sleep(time.Second - time.Nanosecond)
		has(t, m, "s", "k", "v")
		add(t, m, "n", 1, 6, time.Hour) // a ttl counts when the key is created
		time.Sleep(time.Nanosecond)
		has(t, m, "s", "k", "")
		has(t, m, "s", "n", "")
		add(t, m, "n", 1, 1, time.Second)
		time.Sleep(time.Second)
		add(t, m, "n", 3, 3, 0) // created anew, to stay
		set(t, m, "s", "k", "w", time.Second)
		set(t, m, "s", "k", "x", time.Minute) // a new ttl with each Set
		time.Sleep(30 * time.Second)
		has(t, m, "s", "k", "x")
		time.Sleep(24 * time.Hour)
		has(t, m, "s", "k", "")
		has(t, m, "s", "n", "3")
		has(t, m, "s", "forever", "v")
		has(t, m, "s", "longest", "v")
	})
}

func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(0)
		defer m.Close()
		set(t, m, "s", "stays", "v", 0)
		kept := m.Bytes()
		for i := range 1000 {
			set(t, m, fmt.Sprint("s", i%7), fmt.Sprint(i), "value", time.Second)
		}
		if m.Bytes() < kept+1000*entryBytes {
			t.Errorf("%d bytes", m.Bytes())
		}
		time.Sleep(sweepEvery + time.Second)
		synctest.Wait()
		if m.Bytes() != kept {
			t.Errorf("%d bytes after a sweep, want %d", m.Bytes(), kept)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails when a goroutine stays
		m := NewMemory(0)
		for range 2 {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
		set(t, m, "s", "k", "v", time.Second)
		has(t, m, "s", "k", "v")
		time.Sleep(time.Second)
		has(t, m, "s", "k", "")
	})
}

// TestBound: never over the limit, whatever is stored, and nearly full.
func TestBound(t *testing.T) {
	const limit = 256 << 10
	m := newMemory(t, limit)
	for i := range 5000 {
		size := i*7919%3000 + 1
		set(t, m, "s", fmt.Sprint("key", i), strings.Repeat("x", size), 0)
		has(t, m, "s", fmt.Sprint("key", i), strings.Repeat("x", size))
		if used := m.Bytes(); used > limit || i > 1000 && used < limit/2 {
			t.Fatalf("%d bytes after %d values", used, i+1)
		}
	}
	if stored := stored(m); stored != m.Bytes() {
		t.Errorf("counted %d bytes, there are %d", m.Bytes(), stored)
	}
}

// stored adds up what is really there, in the maps and in the rings.
func stored(m *Memory) (bytes int64) {
	for _, s := range *m.scopes.Load() {
		var scope int64
		for i := range s.shards {
			sh := &s.shards[i]
			ring := 0
			for e := sh.ring.next; e != &sh.ring; e = e.next {
				if sh.items[e.key] != e || e.next.prev != e {
					return -1
				}
				scope += e.cost()
				ring++
			}
			if ring != len(sh.items) {
				return -1
			}
		}
		if scope != s.used.Load() {
			return -1
		}
		bytes += scope
	}
	return bytes
}

// TestRecent: what is used stays, what is not goes.
func TestRecent(t *testing.T) {
	m := newMemory(t, 256<<10)
	set(t, m, "s", "used", "v", 0)
	set(t, m, "s", "unused", "v", 0)
	add(t, m, "counted", 1, 1, 0)
	for i := range 20_000 {
		set(t, m, "s", fmt.Sprint(i), "value", 0)
		has(t, m, "s", "used", "v")
		if i%10 == 0 {
			add(t, m, "counted", 1, int64(i/10+2), 0)
		}
	}
	has(t, m, "s", "unused", "")
}

// TestFair: a policy that floods the store evicts its own values.
func TestFair(t *testing.T) {
	m := newMemory(t, 1<<20)
	for i := range 300 {
		set(t, m, "modest", fmt.Sprint(i), strings.Repeat("m", 500), 0)
		set(t, m, "small", fmt.Sprint(i), "s", 0)
	}
	for i := range 20_000 {
		set(t, m, "flood", fmt.Sprint(i), strings.Repeat("f", i%2000), 0)
	}
	for i := range 300 {
		has(t, m, "modest", fmt.Sprint(i), strings.Repeat("m", 500))
		has(t, m, "small", fmt.Sprint(i), "s")
	}
	// And the flood gives room back when the others come to need it.
	for i := range 200 {
		set(t, m, "small", fmt.Sprint("more", i), strings.Repeat("s", 500), 0)
	}
	for i := range 200 {
		has(t, m, "small", fmt.Sprint("more", i), strings.Repeat("s", 500))
	}
	has(t, m, "modest", "0", strings.Repeat("m", 500))
}

func TestConcurrent(t *testing.T) {
	const workers, rounds, limit = 8, 2000, 64 << 10
	m := newMemory(t, limit)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range rounds {
				key := []byte(fmt.Sprint("k", i%200))
				scope := fmt.Sprint("scope", (w+i)%3)
				if err := m.Set(scope, key, bytes.Repeat(key, i%20), time.Duration(i%3)*time.Millisecond); err != nil {
					t.Error(err)
				}
				if v, ok, err := m.Get(nil, scope, key); err != nil || ok && bytes.HasPrefix(v, key) && len(v)%len(key) != 0 {
					t.Errorf("%s: %q %v", key, v, err)
				}
				if _, err := m.Add(scope, key, 1, 0); err != nil {
					t.Error(err)
				}
				if used := m.Bytes(); used > limit {
					t.Errorf("%d bytes", used)
				}
			}
		})
	}
	all.Wait()
	if stored := stored(m); stored != m.Bytes() {
		t.Errorf("counted %d bytes, there are %d", m.Bytes(), stored)
	}
}

func TestAddIsAtomic(t *testing.T) {
	const workers, rounds = 8, 5000
	m := newMemory(t, 0)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range rounds {
				if _, err := m.Add("s", []byte("n"), 1, 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	add(t, m, "n", 0, workers*rounds, 0)
}

func TestAllocations(t *testing.T) {
	m := newMemory(t, 0)
	key, value, dst := []byte("a key"), []byte("a value"), make([]byte, 0, 64)
	set(t, m, "s", "a key", "a value", 0)
	add(t, m, "n", 1, 1, 0)
	n := []byte("n")
	for name, f := range map[string]func(){
		"Get":           func() { dst, _, _ = m.Get(dst[:0], "s", key) },
		"Get, a number": func() { dst, _, _ = m.Get(dst[:0], "s", n) },
		"Set again":     func() { _ = m.Set("s", key, value, time.Minute) },
		"Add":           func() { _, _ = m.Add("s", n, 1, time.Minute) },
	} {
		if got := testing.AllocsPerRun(100, f); got != 0 && !raceEnabled {
			t.Errorf("%s allocates %v times", name, got)
		}
	}
}

func BenchmarkMemory(b *testing.B) {
	key, value := []byte("sticky:192.0.2.1"), []byte("arm-b")
	b.Run("get", func(b *testing.B) {
		m := newMemory(b, 0)
		set(b, m, "s", string(key), string(value), 0)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			dst := make([]byte, 0, 64)
			for pb.Next() {
				dst, _, _ = m.Get(dst[:0], "s", key)
			}
		})
	})
	b.Run("add", func(b *testing.B) {
		m := newMemory(b, 0)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = m.Add("s", key, 1, time.Minute)
			}
		})
	})
	b.Run("set", func(b *testing.B) {
		m := newMemory(b, 0)
		b.ReportAllocs()
		for b.Loop() {
			_ = m.Set("s", key, value, time.Minute)
		}
	})
	b.Run("flood", func(b *testing.B) { // new keys into a full store
		m := newMemory(b, 1<<20)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_ = m.Set("s", fmt.Append(nil, i), value, 0)
		}
	})
}
