package meter

// A loop that neither calls nor holds a loop, and takes no values, carries its
// fuel: it keeps a copy in a local, so that a round need not wait for the store
// of the round before, and asks for more outside, in a loop put around it:
//
//	loop            ;; put around
//	  if fuel < 0: call fuel.refill, give back what the head will charge again
//	  local = fuel
//	  loop          ;; as it was
//	    fuel = local = local - charge
//	    if local < 0: br 2
//	    ...         ;; labels of blocks around the loop are one more
//	  end
//	end

// maxCarries is how many loops of a function may carry their fuel: a compiler's
// work grows with the loops of a function times each other.
const maxCarries = 256

// carryNothing is told of what keeps the loop that is being read from carrying
// its fuel.
func (m *module) carryNothing() {
	w := &m.walk
	r := &w.regions[len(w.regions)-1]
	if !r.carries {
		return
	}
	r.carries = false
	w.edits = w.edits[:r.edit+1] // nothing follows the head's but labels
}

// shiftLabel notes a label that will be one more if the loop around it carries.
func (m *module) shiftLabel(at, label int) {
	w := &m.walk
	r := &w.regions[len(w.regions)-1]
	if !r.carries || m.err != nil || len(w.frames)-1-label >= r.frame {
		return
	}
	w.edits = append(w.edits, edit{at: uint32(at), kind: editLabel, value: int64(label) + 1, width: uint8(m.pos - at)})
}

// carry settles that the loop which ends here carries its fuel. head is the edit
// at its head.
func (m *module) carry(head int) {
	w := &m.walk
	w.edits[head].kind = editCarried
	w.edits[head-1].kind, w.edits[head-1].value = editCarry, w.edits[head].value
	w.edits = append(w.edits, edit{at: uint32(m.pos), kind: editEnd})
	m.work(2*expanded, 0)
	m.helperWork()
}
