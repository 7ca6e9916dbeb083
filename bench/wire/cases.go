package wire

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Case is one entry of the corpus.
type Case struct {
	Name string
	File string // without its folder and suffix: what the case is about
	Why  string
	Send string // a client's bytes, or a service's

	Then Then // how the sender goes on

	// Of a request: the statuses that the client must get, interim ones included,
	// and whether its connection must close then. Reached is what the service must
	// have received, as Digest puts it.
	Statuses []int
	Closed   bool
	Reached  []string

	// Of a reply: what the client gets. Statuses has one element, Fields are those
	// that are the service's, Body is exact when the reply is Whole, and otherwise
	// what it must begin with.
	Fields string
	Body   string
	Whole  bool
	Old    bool // the client speaks HTTP/1.0: the connection's end ends its reply
}

// Then is what a sender does once it has sent everything.
type Then string

// What a sender may do. A client that closes goes on to read.
const (
	Hold  Then = "hold"  // keep the connection open
	Close Then = "close" // end it
	Reset Then = "reset" // break it
)

//go:embed corpus
var corpus embed.FS

// Requests and Replies are the corpus.
func Requests() ([]Case, error) { return load("corpus/requests") }

// Replies has the services' side.
func Replies() ([]Case, error) { return load("corpus/replies") }

func load(dir string) ([]Case, error) {
	files, err := fs.ReadDir(corpus, dir)
	if err != nil {
		return nil, err
	}
	var all []Case
	for _, f := range files {
		text, err := fs.ReadFile(corpus, dir+"/"+f.Name())
		if err != nil {
			return nil, err
		}
		cases, err := parseCases(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		seen := map[string]bool{}
		for _, c := range cases {
			if seen[c.Name] {
				return nil, fmt.Errorf("%s: two cases are named %q", f.Name(), c.Name)
			}
			seen[c.Name] = true
			c.File = strings.TrimSuffix(f.Name(), ".txt")
			all = append(all, c)
		}
	}
	return all, nil
}

// parseCases reads a file of the corpus; README.md says what may be in it.
func parseCases(text string) ([]Case, error) {
	var cases []Case
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "== "); ok {
			cases = append(cases, Case{Name: name, Then: Hold})
			continue
		}
		if line == "" || len(cases) == 0 {
			continue
		}
		if err := cases[len(cases)-1].line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	for i := range cases {
		if c := &cases[i]; len(c.Statuses) == 0 || c.Why == "" {
			return nil, fmt.Errorf("case %q has no verdict or no reason", c.Name)
		}
	}
	return cases, nil
}

func (c *Case) line(line string) error {
	mark, rest, _ := strings.Cut(line, " ")
	switch mark {
	case ">", ">|", "<", "<|":
		b, err := unescape(rest)
		if err != nil {
			return err
		}
		if mark[0] == '>' {
			c.Send += b
			if mark == ">" {
				c.Send += "\r\n"
			}
			return nil
		}
		c.received(mark, b)
		return nil
	case "=":
		return c.verdict(strings.Fields(rest))
	}
	if c.Why != "" {
		c.Why += " "
	}
	c.Why += line
	return nil
}

// received takes a line of what came through.
func (c *Case) received(mark, b string) {
	switch {
	case mark == "<|":
		c.Body += b
		if len(c.Reached) > 0 {
			c.Reached[len(c.Reached)-1] += b
		}
	case strings.HasPrefix(b, "POST "):
		c.Reached = append(c.Reached, b+"\n")
	case len(c.Reached) == 0:
		c.Fields += b + "\n"
	default:
		c.Reached[len(c.Reached)-1] += b + "\n"
	}
}

func (c *Case) verdict(words []string) error {
	c.Whole = true
	for _, w := range words {
		switch w {
		case "closed":
			c.Closed = true
		case "cut":
			c.Whole = false
		case string(Hold), string(Close), string(Reset):
			c.Then = Then(w)
		default:
			n, err := strconv.Atoi(w)
			if err != nil {
				return fmt.Errorf("verdict %q", w)
			}
			c.Statuses = append(c.Statuses, n)
		}
	}
	return nil
}

// unescape replaces \r \n \t \\ \xNN, and \{N TEXT} by N times the text.
func unescape(s string) (string, error) {
	var out strings.Builder
	for len(s) > 0 {
		before, rest, found := strings.Cut(s, `\`)
		out.WriteString(before)
		if !found {
			break
		}
		if rest == "" {
			return "", fmt.Errorf("nothing after a backslash")
		}
		kind := rest[0]
		s = rest[1:]
		switch kind {
		case 'r', 'n', 't', '\\':
			out.WriteByte(map[byte]byte{'r': '\r', 'n': '\n', 't': '\t', '\\': '\\'}[kind])
		case 'x':
			if len(s) < 2 {
				return "", fmt.Errorf("\\x needs two digits")
			}
			b, err := strconv.ParseUint(s[:2], 16, 8)
			if err != nil {
				return "", err
			}
			out.WriteByte(byte(b))
			s = s[2:]
		case '{':
			inside, after, ok := strings.Cut(s, "}")
			count, text, ok2 := strings.Cut(inside, " ")
			n, err := strconv.Atoi(count)
			if !ok || !ok2 || err != nil {
				return "", fmt.Errorf("not \\{N TEXT}: %q", inside)
			}
			text, err = unescape(text)
			if err != nil {
				return "", err
			}
			out.WriteString(strings.Repeat(text, n))
			s = after
		default:
			return "", fmt.Errorf("unknown escape \\%c", kind)
		}
	}
	return out.String(), nil
}
