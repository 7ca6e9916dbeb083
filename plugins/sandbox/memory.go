package sandbox

import (
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/infinirouter/infinirouter/plugins/meter"
)

// memoryLimit is how many bytes of memory an instance of a module may have:
// whole pages, at least one, less than all of 4 GiB, no more than the policy's
// limit and the module's own maximum.
func memoryLimit(limit int64, info *meter.Info) uint64 {
	pages := min(max(limit/pageSize, 1), meter.MaxPages-1)
	if info.HasMax {
		pages = min(pages, int64(info.MemoryMax))
	}
	return uint64(pages) * pageSize
}

// fitsMemory says why a module's memory is too large for a policy to begin with.
func fitsMemory(info *meter.Info, limit int64) error {
	if need := int64(info.MemoryMin) * pageSize; need > limit {
		return fmt.Errorf("it starts with %d bytes of memory, the limit is %d (policies.limits.memory)", need, limit)
	}
	return nil
}

// linearMemory is one instance's memory. The room that it may ever take is
// reserved when it is made, and becomes real as the guest grows into it: so
// growing copies nothing, bytes never move, and closing gives all of it back to
// the system at once. None of it is the garbage collector's business.
//
// wazero allows 4 GiB; the policy's limit and the module's own maximum are kept
// here. A request for all of the 4 GiB, which no limit allows to a guest that
// has a page, is how a metered module visits the host between two slices of
// fuel (meter.Costs.HostMemory).
type linearMemory struct {
	lane  *lane
	share *share
	limit uint64 // bytes
	visit func() // what a request for all of the 4 GiB is answered with, before it is refused
	work  func() // called before each piece of work of the host's
	room  room
	size  uint64 // of it in use
	grown bool   // it has become larger; whoever wants to know sets it back

	inLane   bool          // its guest has a place
	atHost   bool          // the host, for it
	counting bool          // its guest has used up a slice in this call
	since    time.Duration // when, since epoch
}

// smallRoom is how much memory comes page by page, as it is touched. Few guests
// need more; one that fills 32 MiB is spared 6,000 page faults, which took most of
// its time.
const smallRoom = 8 << 20

// Allocate implements experimental.MemoryAllocator.
func (m *linearMemory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate implements experimental.LinearMemory: nil refuses.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size <= m.limit {
		all := m.room.grow(size, m.limit)
		if all != nil {
			m.fill(all)
			m.grown, m.size = true, size
		}
		return all
	}
	if size == meter.MaxPages*pageSize {
		m.visit()
	}
	return nil
}

// fill has the system give the pages of what is new in all, where it is much, piece
// by piece: a guest that touched them all in one slice of fuel would keep a
// processor for as long as that takes.
func (m *linearMemory) fill(all []byte) {
	const piece = 512 << 10
	for from := max(m.size, smallRoom); from < uint64(len(all)); from += piece {
		m.work()
		populate(all[from:min(from+piece, uint64(len(all)))])
	}
}

// turn is called when the guest has used up a slice: it comes into the lane, or
// leaves it and comes in again behind those who wait, and later if its policy has
// had its share.
func (m *linearMemory) turn() {
	m.pause()
	m.lane.enter()
	m.inLane, m.counting, m.since = true, true, clock()
}

// aside is called when the host uses up a slice on the guest's behalf: it takes
// one of the places for that.
func (m *linearMemory) aside() {
	m.pause()
	m.lane.host <- struct{}{}
	m.atHost, m.counting, m.since = true, true, clock()
}

// begin is called when the host works for a guest that does not run, until rest:
// it counts from now on.
func (m *linearMemory) begin() { m.counting, m.since = true, clock() }

// pause waits for as long as the policy is behind, by this call and those before.
func (m *linearMemory) pause() {
	begun := m.counting
	pause := m.rest()
	if !begun {
		pause = m.share.spend(0, clock())
	}
	if pause > 0 {
		time.Sleep(pause)
	}
}

// rest is called when the guest has returned, or the host has done its work: no
// place is held then. It tells how long the guest should pause if it has not.
func (m *linearMemory) rest() (pause time.Duration) {
	if m.inLane {
		m.inLane = false
		m.lane.leave()
	}
	if m.atHost {
		m.atHost = false
		<-m.lane.host
	}
	if !m.counting {
		return 0
	}
	m.counting = false
	now := clock()
	return m.share.spend(now-m.since, now)
}

// Free implements experimental.LinearMemory.
func (m *linearMemory) Free() { m.room.free() }
