package wire

const maxHexDigits = 15 // a chunk of 2^60 bytes: what is longer would overflow

// chunkSize takes "SIZE [;EXTENSION]".
func (g *Guard) chunkSize(b []byte) *Fault {
	g.left, g.size = 0, 0
	digits := 0
	for digits < len(b) && HexDigit[b[digits]] >= 0 {
		if digits == maxHexDigits {
			return faultChunkSize
		}
		g.left = g.left<<4 | int64(HexDigit[b[digits]])
		digits++
	}
	switch {
	case digits == 0:
		return faultChunkSize
	case digits < len(b) && b[digits] != ';':
		return faultChunkSize
	case !allOf(b[digits:], classValue):
		return faultChunkLine
	}
	g.chunks += g.left
	g.state = chunkData
	if g.left == 0 {
		g.state = trailerLine
	}
	return nil
}

// chunkEnd takes one byte of the CRLF behind a chunk's data.
func (g *Guard) chunkEnd(c byte) (int, *Fault) {
	switch {
	case g.state == chunkCR && c == '\r':
		g.state = chunkLF
	case g.state == chunkLF && c == '\n':
		g.state = sizeLine
	default:
		return 0, faultChunkEnd
	}
	return 1, nil
}

// trailer takes a line behind the last chunk: a field, which nobody gets to
// see, or the end.
func (g *Guard) trailer(b []byte) *Fault {
	if len(b) == 0 {
		g.restart()
		return nil
	}
	name, _, f := split(b)
	if f != nil || knownField(name) != 0 {
		return faultTrailer
	}
	return nil
}
