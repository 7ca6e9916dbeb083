package meter

import "unicode/utf8"

// reader reads the file's bytes up to end. The first failure sticks: it is kept
// in err, the reader is empty from then on, and every later read returns zero.
// So code reads a whole construct and looks at err where a loop or an index
// depends on what was read.
type reader struct {
	b       []byte
	pos     int
	end     int
	section string
	err     *Error
}

// fail records a refusal at offset unless there is one already.
func (r *reader) fail(offset int, rule string, found any) {
	r.refuse(&Error{Offset: offset, Rule: rule, Found: found})
}

// over records that a limit was met.
func (r *reader) over(offset int, rule, name string, found, limit any) {
	r.refuse(&Error{Offset: offset, Rule: rule, Found: found, Limit: limit, Name: name})
}

func (r *reader) refuse(e *Error) {
	if r.err == nil {
		e.Section = r.section
		r.err = e
	}
	r.pos = r.end
}

func (r *reader) left() int { return r.end - r.pos }

func (r *reader) byte() byte {
	if r.pos >= r.end {
		r.fail(r.pos, "unexpected end", nil)
		return 0
	}
	c := r.b[r.pos]
	r.pos++
	return c
}

// skip passes over n bytes of content that may be anything.
func (r *reader) skip(n int) {
	if n > r.left() {
		r.fail(r.pos, "unexpected end", nil)
		return
	}
	r.pos += n
}

// u32 reads an unsigned LEB128 number of at most 32 bits and 5 bytes.
func (r *reader) u32() uint32 {
	if r.pos < r.end && r.b[r.pos] < 0x80 {
		r.pos++
		return uint32(r.b[r.pos-1])
	}
	start := r.pos
	var v uint32
	for shift := 0; ; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if shift == 28 && c > 0x0f {
			r.fail(start, "integer does not fit 32 bits", nil)
			return 0
		}
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
}

// signed reads a signed LEB128 number of the given width, 32, 33 or 64 bits.
// In the last byte that the width allows, the bits beyond it must repeat the sign.
func (r *reader) signed(bits int) int64 {
	start := r.pos
	var v int64
	for shift := 0; ; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if used := bits - shift; used <= 7 {
			spare := byte(0x7f) &^ (1<<(used-1) - 1)
			if c >= 0x80 || (c&spare != 0 && c&spare != spare) {
				r.fail(start, "signed integer does not fit its type", bits)
				return 0
			}
		}
		v |= int64(c&0x7f) << shift
		if c < 0x80 {
			if shift+7 < 64 && c&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

// count reads the length of a vector whose entries take at least size bytes
// each, so that a count alone never makes anyone allocate.
func (r *reader) count(what, limitName string, limit, size int) int {
	return r.countMore(what, limitName, 0, limit, size)
}

// countMore is count where used entries of the limit are gone already.
func (r *reader) countMore(what, limitName string, used, limit, size int) int {
	start := r.pos
	n := r.u32()
	switch total := uint64(used) + uint64(n); {
	case r.err != nil:
		return 0
	case total > uint64(max(limit, 0)):
		r.over(start, "too many "+what, limitName, total, limit)
		return 0
	case uint64(n)*uint64(size) > uint64(r.left()):
		r.fail(start, "more "+what+" announced than there are bytes for", n)
		return 0
	}
	return int(n)
}

// length reads the size in bytes of what comes next, which must be there.
func (r *reader) length(what string) int {
	start := r.pos
	n := r.u32()
	if uint64(n) > uint64(r.left()) {
		r.fail(start, what+" is longer than what is left", n)
		return 0
	}
	return int(n)
}

// index reads an index into a space of the given size.
func (r *reader) index(what string, have int) int {
	start := r.pos
	i := r.u32()
	if r.err == nil && uint64(i) >= uint64(have) {
		r.refuse(&Error{Offset: start, Rule: "no such " + what, Found: i, Limit: have})
	}
	if r.err != nil {
		return 0
	}
	return int(i)
}

// name reads a UTF-8 string of at most limit bytes. The result aliases the file.
func (r *reader) name(what string, limit int) []byte {
	start := r.pos
	n := r.length(what)
	if r.err == nil && n > limit {
		r.over(start, what+" too long", "NameBytes", n, limit)
		return nil
	}
	s := r.b[r.pos : r.pos+n]
	if !utf8.Valid(s) {
		r.fail(r.pos, what+" is not UTF-8", nil)
		return nil
	}
	r.pos += n
	return s
}
