package route

import (
	"strings"

	"github.com/infinirouter/infinirouter/host/config"
)

// Source is where a route looks for the name of a session.
type Source struct {
	Kind   SourceKind
	Header string // of SourceHeader
	Path   []byte // of SourceField: an RFC 6901 pointer
}

// SourceKind is one of the kinds that session_key of a route can list.
type SourceKind uint8

const (
	SourceHeader SourceKind = iota
	SourceField
	SourceAPIKey
	SourceClientAddress
)

// sources reads a session_key, which config has checked.
func sources(list []string) []Source {
	var out []Source
	for _, s := range list {
		if name, ok := strings.CutPrefix(s, config.SessionHeader); ok {
			out = append(out, Source{Kind: SourceHeader, Header: name})
		} else if name, ok := strings.CutPrefix(s, config.SessionField); ok {
			out = append(out, Source{Kind: SourceField, Path: pointerTo(name)})
		} else if s == config.SessionAPIKey {
			out = append(out, Source{Kind: SourceAPIKey})
		} else {
			out = append(out, Source{Kind: SourceClientAddress})
		}
	}
	return out
}

// pointerTo makes a member's name a pointer; what begins with a slash is one.
func pointerTo(name string) []byte {
	if strings.HasPrefix(name, "/") {
		return []byte(name)
	}
	return []byte("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}
