package openai

import "bytes"

// An event here is its bytes: lines, each with its end, the last one blank. A
// line ends in CRLF, LF or CR, whatever the others end in. A blank line by
// itself is an event without fields: so the events of a stream, one after the
// other, are all of its bytes.

// EventEnd returns the length of the first event in buf, its blank line
// included, or 0 when it is not complete. buf begins where an event does.
//
// A CR at the very end of buf may be the half of a CRLF. It completes an event
// only behind a line that ended in CR, when lines evidently end that way; should
// an LF follow nevertheless, that is a blank line by itself and means nothing.
func EventEnd(buf []byte) int {
	var p progress
	return p.eventEnd(buf)
}

// progress is how far the search for the end of an event has come.
type progress struct {
	line int // the event does not end before the line that begins here
	scan int // that line does not end before this byte
}

// eventEnd is EventEnd. It goes on where it was when buf was shorter.
func (p *progress) eventEnd(buf []byte) int {
	for {
		i := lineEnd(buf[p.scan:])
		if i < 0 {
			p.scan = len(buf)
			return 0
		}
		end := p.scan + i
		blank := end == p.line
		next := end + 1
		if buf[end] == '\r' {
			switch {
			case next < len(buf):
				if buf[next] == '\n' {
					next++
				}
			case !blank || end == 0 || buf[end-1] != '\r':
				p.scan = end
				return 0
			}
		}
		if blank {
			*p = progress{}
			return next
		}
		p.line, p.scan = next, next
	}
}

// lineEnd returns the index of the first CR or LF, or -1. It looks for both in
// steps, so that lines with one kind of end are not searched to the end of b
// for the other, over and over.
func lineEnd(b []byte) int {
	const step = 1024
	for from := 0; from < len(b); from += step {
		w := b[from:min(from+step, len(b))]
		lf := bytes.IndexByte(w, '\n')
		if lf >= 0 {
			w = w[:lf]
		}
		if cr := bytes.IndexByte(w, '\r'); cr >= 0 {
			return from + cr
		}
		if lf >= 0 {
			return from + lf
		}
	}
	return -1
}

// LastEventEnd returns where the last complete event in buf ends, 0 if there is
// none: as many bytes as EventEnd would take one by one. It looks from the end,
// where a service's write usually leaves a blank line.
func LastEventEnd(buf []byte) int {
	for end := len(buf); end > 0; end-- {
		start := end - 1 // of the line end that ends here
		switch buf[start] {
		case '\n':
			if start > 0 && buf[start-1] == '\r' {
				start--
			}
		case '\r':
			if end == len(buf) && !(start > 1 && buf[start-1] == '\r' && buf[start-2] != '\r' && buf[start-2] != '\n') {
				continue // undecided, see EventEnd
			}
			if end < len(buf) && buf[end] == '\n' {
				continue // the half of a CRLF
			}
		default:
			continue
		}
		if start == 0 || buf[start-1] == '\n' || buf[start-1] == '\r' {
			return end
		}
	}
	return 0
}

// splitLine cuts the first line off b and says how it ends.
func splitLine(b []byte) (line, end, rest []byte) {
	i := lineEnd(b)
	if i < 0 {
		return b, nil, nil
	}
	n := i + 1
	if b[i] == '\r' && n < len(b) && b[n] == '\n' {
		n++
	}
	return b[:i], b[i:n], b[n:]
}

var (
	bom       = []byte("\xef\xbb\xbf")
	dataField = []byte("data")
)

// dataValue returns the value of a data line; ok is false for any other line.
func dataValue(line []byte) (value []byte, ok bool) {
	if !bytes.HasPrefix(line, dataField) {
		return nil, false
	}
	switch rest := line[len(dataField):]; {
	case len(rest) == 0:
		return rest, true
	case rest[0] != ':':
		return nil, false
	case len(rest) > 1 && rest[1] == ' ':
		return rest[2:], true
	default:
		return rest[1:], true
	}
}

// EventData returns an event's data: the values of its data lines, joined by
// LF; nil without one. A single value is returned as the part of event that it
// is; only several are put together, in dst's space from its start.
func EventData(dst, event []byte) (data []byte) {
	lines := 0
	for rest := bytes.TrimPrefix(event, bom); len(rest) > 0; {
		var line []byte
		line, _, rest = splitLine(rest)
		value, ok := dataValue(line)
		if !ok {
			continue
		}
		switch lines++; lines {
		case 1:
			data = value
		case 2:
			data = append(append(append(dst[:0], data...), '\n'), value...)
		default:
			data = append(append(data, '\n'), value...)
		}
	}
	return data
}

// AppendEvent appends event with its data replaced. All other lines, the way
// that lines end and the byte order mark stay as they are; only where lines end
// in different ways do all of them get LF. Data of several lines becomes several
// data lines; nil leaves none.
func AppendEvent(dst, event, data []byte) []byte {
	rest := event
	if bytes.HasPrefix(rest, bom) {
		dst, rest = append(dst, bom...), rest[len(bom):]
	}
	done := data == nil
	end := commonEnd(rest)
	for len(rest) > 0 {
		line, _, after := splitLine(rest)
		value, ok := dataValue(line)
		switch {
		case ok && !done:
			dst, done = appendData(dst, line[:len(line)-len(value)], data, end), true
		case ok:
		case len(line) == 0 && !done && len(after) == 0: // the blank line: behind a byte order mark there may be another
			dst, done = append(appendData(dst, dataPrefix, data, end), end...), true
		default:
			dst = append(append(dst, line...), end...)
		}
		rest = after
	}
	return dst
}

var lf = []byte("\n")

// commonEnd returns how the lines of an event end, LF if not all in one way.
func commonEnd(event []byte) []byte {
	_, common, rest := splitLine(event)
	for len(rest) > 0 {
		var end []byte
		if _, end, rest = splitLine(rest); !bytes.Equal(end, common) {
			return lf
		}
	}
	if common == nil {
		return lf
	}
	return common
}

var dataPrefix = []byte("data: ")

// appendData appends data as data lines.
func appendData(dst, prefix, data, end []byte) []byte {
	if bytes.IndexByte(prefix, ':') < 0 {
		prefix = dataPrefix // the line was "data" alone
	}
	for {
		line, lineEnd, rest := splitLine(data)
		dst = append(dst, prefix...)
		if len(line) > 0 && line[0] == ' ' && prefix[len(prefix)-1] == ':' {
			dst = append(dst, ' ') // or the reader would take the line's own for this
		}
		dst = append(append(dst, line...), end...)
		if lineEnd == nil {
			return dst
		}
		data = rest
	}
}

// AppendErrorEvent appends an event whose data is the error in this format.
func AppendErrorEvent(dst []byte, format string, status int, message string) []byte {
	dst = append(dst, dataPrefix...)
	dst = AppendError(dst, format, Error{Status: status, Message: message})
	return append(dst, "\n\n"...)
}
