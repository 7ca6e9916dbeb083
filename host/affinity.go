package host

import (
	"github.com/cespare/xxhash/v2"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/route"
)

// affinity is the hash of what the exchange has in common with others that
// should go where it goes, by its route's balancer; 0 for nothing.
func (x *exchange) affinity() uint64 {
	switch x.route.Config.Balance {
	case config.BalanceSession:
		return x.session()
	case config.BalancePrefix:
		if x.body.kind == bodyJSON {
			return x.body.doc.PrefixHash(x.route.Config.Affinity.PrefixBytes)
		}
	}
	return 0
}

// session is the hash of the first session key that the request has.
func (x *exchange) session() uint64 {
	for i := range x.route.Session {
		if name := x.sessionName(&x.route.Session[i]); len(name) > 0 {
			return max(xxhash.Sum64(name), 1)
		}
	}
	return 0
}

// sessionName is what a source has, nil for nothing. A member of the body
// counts as it is written, when it is a string or a number.
func (x *exchange) sessionName(s *route.Source) []byte {
	switch s.Kind {
	case route.SourceHeader:
		return x.ctx.Request.Header.Peek(s.Header)
	case route.SourceAPIKey:
		return x.text(x.keyID)
	case route.SourceClientAddress:
		return x.client
	}
	if x.body.kind != bodyJSON {
		return nil
	}
	value, err := x.body.doc.Get(s.Path)
	switch {
	case err != nil || string(value) == `""`:
		return nil
	case value[0] == '"' || value[0] == '-' || '0' <= value[0] && value[0] <= '9':
		return value
	}
	return nil
}
