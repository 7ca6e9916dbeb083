package forward

import "github.com/infinirouter/infinirouter/host/wire"

// framing is how the end of a reply's body is known.
type framing uint8

const (
	noBody   framing = iota // HEAD, 204, 304
	byLength                // Content-Length
	byChunks                // Transfer-Encoding: chunked
	byClose                 // neither: the connection's end
)

// Limits on what chunked framing may spend on other things than the body.
const (
	maxChunkLine = 4 << 10
	maxTrailers  = 16 << 10
	maxHexDigits = 15 // a chunk of 2^60 bytes: what is longer would overflow
)

const (
	faultChunkSize  fault = "a chunk size is not a hexadecimal number in range"
	faultChunkLine  fault = "a chunk size line is malformed or too long"
	faultChunkEnd   fault = "a chunk does not end with CRLF where its size says"
	faultTrailer    fault = "a trailer is malformed"
	faultTrailerBig fault = "the trailers are too long"
)

type chunkState uint8

const (
	sizeFirst chunkState = iota // at the first digit
	sizeMore
	sizeSpace // after the digits, blanks only
	extension
	sizeLF
	chunkData
	dataCR
	dataLF
	trailerFirst
	trailerName
	trailerValue
	trailerLF
	finalLF
	chunksEnd
)

// decoder takes the framing off a body. It is a pure function of the bytes
// that it is given, in any portions: no reading, no waiting.
type decoder struct {
	framing  framing
	state    chunkState
	left     int64 // of the body (byLength) or of the current chunk
	digits   int
	line     int // bytes of the current size line
	trailers int // bytes of all trailers
}

// done reports whether the body has come to its proper end. It is never true
// for a body that the connection's end ends.
func (d *decoder) done() bool {
	switch d.framing {
	case noBody:
		return true
	case byLength:
		return d.left == 0
	case byChunks:
		return d.state == chunksEnd
	}
	return false
}

// decode moves body bytes from src to dst. It uses as much of src as it can,
// framing after the last body byte included, so that done and pending are
// true to what has arrived. A nil error with used < len(src) means that dst is
// full or that the body is done.
func (d *decoder) decode(dst, src []byte) (used, n int, err error) {
	switch d.framing {
	case noBody:
		return 0, 0, nil
	case byLength:
		n = copy(dst, src[:min(int64(len(src)), d.left)])
		d.left -= int64(n)
		return n, n, nil
	case byClose:
		n = copy(dst, src)
		return n, n, nil
	}
	for used < len(src) && d.state != chunksEnd {
		if d.state == chunkData {
			c := copy(dst[n:], src[used:used+int(min(int64(len(src)-used), d.left))])
			if c == 0 {
				break
			}
			used, n = used+c, n+c
			d.took(int64(c))
			continue
		}
		if err := d.step(src[used]); err != nil {
			return used, n, err
		}
		used++
	}
	return used, n, nil
}

// direct is how many body bytes may be read past the decoder at this point.
// The caller reports them with took.
func (d *decoder) direct() int64 {
	switch d.framing {
	case byLength:
		return d.left
	case byChunks:
		if d.state == chunkData {
			return d.left
		}
		return 0
	case byClose:
		return 1 << 62
	}
	return 0
}

func (d *decoder) took(n int64) {
	if d.framing == byClose {
		return
	}
	d.left -= n
	if d.left == 0 && d.framing == byChunks {
		d.state = dataCR
	}
}

// step takes one byte of chunked framing.
func (d *decoder) step(c byte) error {
	switch d.state {
	case sizeFirst, sizeMore, sizeSpace, extension, sizeLF:
		return d.sizeLine(c)
	case dataCR:
		if c != '\r' {
			return faultChunkEnd
		}
		d.state = dataLF
	case dataLF:
		if c != '\n' {
			return faultChunkEnd
		}
		d.state, d.digits, d.line = sizeFirst, 0, 0
	default:
		return d.trailer(c)
	}
	return nil
}

// sizeLine takes one byte of "SIZE [;EXTENSION] CRLF".
func (d *decoder) sizeLine(c byte) error {
	if d.line++; d.line > maxChunkLine {
		return faultChunkLine
	}
	switch d.state {
	case sizeFirst, sizeMore:
		if v := wire.HexDigit[c]; v >= 0 {
			if d.digits++; d.digits > maxHexDigits {
				return faultChunkSize
			}
			d.left, d.state = d.left<<4|int64(v), sizeMore
			return nil
		}
		if d.state == sizeFirst {
			return faultChunkSize
		}
		return d.afterSize(c)
	case sizeSpace:
		return d.afterSize(c)
	case extension:
		if c == '\r' {
			d.state = sizeLF
		} else if !wire.IsValueByte(c) {
			return faultChunkLine
		}
		return nil
	}
	if c != '\n' {
		return faultChunkLine
	}
	d.state = chunkData
	if d.left == 0 {
		d.state = trailerFirst
	}
	return nil
}

func (d *decoder) afterSize(c byte) error {
	switch c {
	case ' ', '\t':
		d.state = sizeSpace
	case ';':
		d.state = extension
	case '\r':
		d.state = sizeLF
	default:
		if d.state == sizeMore {
			return faultChunkSize
		}
		return faultChunkLine
	}
	return nil
}

// trailer takes one byte of what follows the last chunk: fields, which are
// checked and dropped, and an empty line.
func (d *decoder) trailer(c byte) error {
	if d.trailers++; d.trailers > maxTrailers {
		return faultTrailerBig
	}
	switch d.state {
	case trailerFirst:
		switch {
		case c == '\r':
			d.state = finalLF
		case wire.IsNameByte(c):
			d.state = trailerName
		default:
			return faultTrailer
		}
	case trailerName:
		if c == ':' {
			d.state = trailerValue
		} else if !wire.IsNameByte(c) {
			return faultTrailer
		}
	case trailerValue:
		if c == '\r' {
			d.state = trailerLF
		} else if !wire.IsValueByte(c) {
			return faultTrailer
		}
	case trailerLF, finalLF:
		if c != '\n' {
			return faultTrailer
		}
		if d.state == finalLF {
			d.state = chunksEnd
		} else {
			d.state = trailerFirst
		}
	}
	return nil
}
