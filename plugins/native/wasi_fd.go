package native

import (
	"bytes"
	"log/slog"
)

const (
	stdin  = 0
	stdout = 1
	stderr = 2

	fdStatSize    = 24
	fileStatSize  = 64
	fileTypeChar  = 2    // a character device
	rightsStream  = 0x42 // fd_read, fd_write
	iovecSize     = 8
	maxIovecs     = 1024
	fileTypeShift = 16 // offset of the type in a filestat

	pieceFuel = 50  // a piece of what is written
	lineFuel  = 100 // a line of it
)

// fdStat describes the three streams as terminals that cannot seek.
func fdStat(c *Call, s []uint64) uint64 {
	if !isStream(s[0]) {
		return errnoBadf
	}
	b := c.view(s[1], fdStatSize)
	clear(b)
	b[0] = fileTypeChar
	setLong(b[8:], rightsStream)
	return errnoSuccess
}

func fileStat(c *Call, s []uint64) uint64 {
	if !isStream(s[0]) {
		return errnoBadf
	}
	b := c.view(s[1], fileStatSize)
	clear(b)
	b[fileTypeShift] = fileTypeChar
	return errnoSuccess
}

// fdRead answers the end of the file on stdin.
func fdRead(c *Call, s []uint64) uint64 {
	if uint32(s[0]) != stdin {
		return errnoBadf
	}
	setWord(c.view(s[3], 4), 0)
	return errnoSuccess
}

// fdWrite takes stdout and stderr into the log, line by line.
func fdWrite(c *Call, s []uint64) uint64 {
	fd, n := uint32(s[0]), uint32(s[2])
	if fd != stdout && fd != stderr {
		return errnoBadf
	}
	if n > maxIovecs {
		return errnoInval
	}
	iovecs := c.view(s[1], uint64(n)*iovecSize)
	total := uint32(0)
	for i := range n {
		iovec := iovecs[i*iovecSize:]
		b := c.view(uint64(word(iovec)), uint64(word(iovec[4:])))
		c.burn(pieceFuel + lineFuel*int64(bytes.Count(b, newline)))
		c.print(fd, b)
		total += uint32(len(b))
	}
	setWord(c.view(s[3], 4), total)
	return errnoSuccess
}

// print collects a line until it ends. What exceeds a log line is dropped.
func (c *Call) print(fd uint32, b []byte) {
	if fd != c.lineFD && len(c.line) > 0 {
		c.flushLine()
	}
	c.lineFD, c.untidy = fd, true
	for len(b) > 0 {
		part, rest, ended := bytes.Cut(b, newline)
		c.line = append(c.line, part[:min(len(part), maxLogLine+1-len(c.line))]...)
		if ended {
			c.flushLine()
		}
		b = rest
	}
}

var newline = []byte{'\n'}

// flushLine logs the line and remembers the first one of stderr.
func (c *Call) flushLine() {
	level, name := slog.LevelInfo, "policy stdout"
	if c.lineFD == stderr {
		level, name = slog.LevelWarn, "policy stderr"
		if len(c.said) == 0 {
			c.said = append(c.said, c.line[:min(len(c.line), maxSaid)]...)
		}
	}
	if len(c.line) > 0 && c.policy.Logger.Enabled(c, level) {
		c.write(level, name, c.line)
	}
	c.line = c.line[:0]
}
