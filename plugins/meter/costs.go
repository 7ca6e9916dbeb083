package meter

import "fmt"

// Costs are the weights of what a guest does, in units of fuel. A unit is about
// the time of one simple instruction; the others are multiples of it.
type Costs struct {
	Instruction int64 // every instruction that becomes machine code
	Slow        int64 // a division, a square root and the like, in place of Instruction
	Loop        int64 // passing a loop's head, in place of Instruction
	Call        int64 // entering a function
	Local       int64 // every 8 bytes of parameters, locals and results of a function entered
	HostCall    int64 // calling an imported function
	Bulk        int64 // a bulk instruction, beside its length
	Grow        int64 // memory.grow, beside the new memory

	BytesPerUnit   int64 // bytes that are filled, copied or added to the memory for one unit
	EntriesPerUnit int64 // table entries that are copied for one unit

	Slice int64 // fuel that a guest uses between two visits to the host

	// HostMemory is for a host that allocates its guests' memory itself. Each
	// visit is then a request to grow the memory to MaxPages, in which the host
	// can do what it likes before it refuses. The maximum that the module
	// declares, in the way of that, is left out and the host's to keep; see
	// Info.MemoryMax.
	HostMemory bool
}

// DefaultCosts are what the defaults of the router's fuel limits are meant for.
// Call and Local are such that fuel of the default hook limit runs out before
// the guest's stack does.
func DefaultCosts() Costs {
	return Costs{
		Instruction: 1, Slow: 8, Loop: 4, Call: 100, Local: 4, HostCall: 100, Bulk: 30, Grow: 1000,
		BytesPerUnit: 2, EntriesPerUnit: 1, Slice: 100_000,
	}
}

// maxCost keeps the sum over any body that fits in memory far from overflow.
const maxCost = 1 << 20

func (c *Costs) check() error {
	for _, f := range []struct {
		name       string
		value, min int64
	}{
		{"Instruction", c.Instruction, 1},
		{"Slow", c.Slow, 1},
		{"Loop", c.Loop, 1},
		{"Call", c.Call, 1},
		{"Local", c.Local, 0},
		{"HostCall", c.HostCall, 1},
		{"Bulk", c.Bulk, 1},
		{"Grow", c.Grow, 1},
		{"BytesPerUnit", c.BytesPerUnit, 1},
		{"EntriesPerUnit", c.EntriesPerUnit, 1},
		{"Slice", c.Slice, 1},
	} {
		if f.value < f.min || f.value > maxCost {
			return fmt.Errorf("meter: Costs.%s is %d, allowed are %d to %d", f.name, f.value, f.min, maxCost)
		}
	}
	return nil
}
