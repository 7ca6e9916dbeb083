package forward

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/wire"
)

// Target is a service as Send needs it.
type Target interface {
	Name() string
	// Client holds the service's connections.
	Client() *fasthttp.HostClient
	// Host is what the Host field says.
	Host() string
	// PathPrefix comes before every path, "" or "/like/this".
	PathPrefix() string
	Config() config.Service
	// Acquire takes a slot for one request, unless the service is full.
	Acquire() bool
	// Release gives the slot back. Send and Reply.Close call it exactly once
	// for each Acquire that said true.
	Release()
}

// Request is what to send. Everything that it points to belongs to the caller
// and must stay valid and unchanged until the Reply is closed, or until Send
// has returned an error.
type Request struct {
	// Source holds the fields to pass on, after policies edited them. Send
	// leaves out what was meant for the client's connection alone.
	Source *fasthttp.RequestHeader
	Method []byte
	// Path is sent as it is, percent-encoding and all, but for the service's
	// prefix and what Version says; Query is what follows its "?".
	Path, Query []byte
	Version     Version
	// Body is sent as one: these are its parts, in order.
	Body [][]byte

	ClientAddress string // IP address, "" when unknown
	Scheme        string // that the client spoke: "http" or "https"
	OriginalHost  []byte // the Host field that the client sent
	RequestID     []byte // X-Request-Id, "" for none
	// Stream says that the client asked for a stream. How a reply is treated
	// depends on the reply; this is for the caller's own use and for logs.
	Stream bool
	// DropAcceptEncoding asks the service for an uncompressed reply.
	DropAcceptEncoding bool
	// Limits are the route's.
	Limits Limits
	// Failed is how many targets, at the end of the plan, have failed this request
	// in an earlier Send: they are tried again only after a pause.
	Failed int
	// Retry says when to try again. nil: what no service has seen.
	Retry *Retry
	// Hedge says when to ask a second service.
	Hedge Hedge
	// Hold keeps a stream's head back until the first byte of its body has
	// come: until then another try can be made.
	Hold bool
	// Tally is what Send writes for the caller.
	Tally Tally
	// Since is when Limits.Request began to count; zero: with Send.
	Since time.Time
	// TrustForwarded appends to the client's X-Forwarded-For and keeps its
	// -Proto and -Host; otherwise they are replaced and their like dropped.
	TrustForwarded bool
}

// Version says what becomes of "/v1" in a request's path.
type Version uint8

const (
	// AddV1 puts it before a path that has none, unless the service is
	// configured otherwise.
	AddV1 Version = iota
	// KeepV1 leaves the path as it is.
	KeepV1
	// DropV1 is for what services offer beside "/v1": it is taken off the path,
	// and off the end of the service's URL.
	DropV1
)

// via is what this hop adds to Via, as RFC 9110 asks of a gateway. It is also
// how a router that was made its own service can be told from the logs.
const via = "1.1 infinirouter"

// appendHead appends the request's head for one target, empty line included.
// o is the walk's own memory.
func (r *Request) appendHead(dst []byte, t Target, o *origin) []byte {
	o.request, o.config = r, t.Config()
	o.named, o.dropNamed = o.named[:0], false
	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	version := r.Version
	if version == AddV1 && !o.config.V1 {
		version = KeepV1
	}
	dst = appendPath(dst, t.PathPrefix(), r.Path, version)
	if len(r.Query) > 0 {
		dst = append(dst, '?')
		dst = appendSafe(dst, r.Query, false)
	}
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, t.Host()...)
	dst = append(dst, '\r', '\n')

	start := len(dst)
	dst = o.appendFields(dst)
	if len(o.named) > 0 {
		// Rare, and known only after the last field: once more without them.
		o.dropNamed = true
		dst = o.appendFields(dst[:start])
	}
	return r.appendOwn(dst, o)
}

// origin is one walk over the client's fields.
type origin struct {
	request   *Request
	config    config.Service
	named     [][]byte
	dropNamed bool

	via, forwardedFor        []byte // to be added to, copied: aliases do not live that long
	sawProto, sawHost, sawID bool
}

// reset lets go of what is not its own.
func (o *origin) reset() {
	clear(o.named)
	o.named = o.named[:0]
	o.request, o.config = nil, config.Service{}
}

// appendFields appends the client's fields that go on.
func (o *origin) appendFields(dst []byte) []byte {
	r := o.request
	o.via, o.forwardedFor = o.via[:0], o.forwardedFor[:0]
	o.sawProto, o.sawHost, o.sawID = false, false, false
	for name, value := range r.Source.All() {
		if !wire.IsName(name) || !wire.IsValue(value) || o.dropNamed && isNamed(o.named, name) {
			continue
		}
		keep := true
		switch fieldOf(name) {
		case hopByHop, contentLength, transferEncoding, hostField, expectField:
			keep = false
		case connectionField:
			keep = false
			if !o.dropNamed {
				o.named = appendNamed(o.named, value)
			}
		case authorization:
			keep = o.config.APIKey == "" && o.config.PassAuthorization
		case acceptEncoding:
			keep = !r.DropAcceptEncoding
		case requestID:
			keep = len(r.RequestID) == 0
		case viaField:
			keep = false
			o.via = appendElement(o.via, value)
		case forwardedFor:
			keep = false
			o.forwardedFor = appendElement(o.forwardedFor, value)
		case forwardedProto:
			keep = r.TrustForwarded
			o.sawProto = true
		case forwardedHost:
			keep = r.TrustForwarded
			o.sawHost = true
		case forwardedOther:
			keep = r.TrustForwarded
		}
		if keep {
			dst = appendField(dst, name, value)
		}
	}
	return dst
}

// appendOwn appends the fields that this hop writes, and the empty line.
func (r *Request) appendOwn(dst []byte, o *origin) []byte {
	if o.config.APIKey != "" {
		dst = append(dst, "Authorization: Bearer "...)
		dst = appendClean(dst, o.config.APIKey)
		dst = append(dst, '\r', '\n')
	}
	dst = appendJoined(dst, "Via: ", o.via, via)
	earlier := o.forwardedFor
	if !r.TrustForwarded {
		earlier = nil
	}
	if len(earlier) > 0 || r.ClientAddress != "" {
		dst = appendJoined(dst, "X-Forwarded-For: ", earlier, r.ClientAddress)
	}
	if r.Scheme != "" && !(r.TrustForwarded && o.sawProto) {
		dst = appendJoined(dst, "X-Forwarded-Proto: ", nil, r.Scheme)
	}
	if len(r.OriginalHost) > 0 && !(r.TrustForwarded && o.sawHost) {
		dst = append(dst, "X-Forwarded-Host: "...)
		dst = appendClean(dst, r.OriginalHost)
		dst = append(dst, '\r', '\n')
	}
	if len(r.RequestID) > 0 {
		dst = append(dst, "X-Request-Id: "...)
		dst = appendClean(dst, r.RequestID)
		dst = append(dst, '\r', '\n')
	}
	if n := r.bodyLength(); n > 0 || expectsBody(r.Method) {
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(n), 10)
		dst = append(dst, '\r', '\n')
	}
	return append(dst, '\r', '\n')
}

func (r *Request) bodyLength() (n int) {
	for _, part := range r.Body {
		n += len(part)
	}
	return n
}

func (r *Request) appendBody(dst []byte) []byte {
	for _, part := range r.Body {
		dst = append(dst, part...)
	}
	return dst
}

func expectsBody(method []byte) bool {
	switch string(method) {
	case "POST", "PUT", "PATCH":
		return true
	}
	return false
}

func appendField(dst, name, value []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, value...)
	return append(dst, '\r', '\n')
}

func appendElement(list, element []byte) []byte {
	if len(list) > 0 {
		list = append(list, ',', ' ')
	}
	return append(list, element...)
}

// appendJoined appends a field made of what was there and one more element.
func appendJoined(dst []byte, name string, earlier []byte, last string) []byte {
	dst = append(dst, name...)
	dst = append(dst, earlier...)
	if len(earlier) > 0 && last != "" {
		dst = append(dst, ',', ' ')
	}
	dst = appendClean(dst, last)
	return append(dst, '\r', '\n')
}

// appendClean appends a value that no header parser has seen yet, without the
// bytes that could start a line of their own.
func appendClean[T string | []byte](dst []byte, value T) []byte {
	for i := range len(value) {
		c := value[i]
		if !wire.IsValueByte(c) {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

// appendPath appends the path that a service is asked for: its prefix, "/v1"
// where the path has no version of its own, the path. A URL that already ends
// in "/v1", as clients write a base_url, does not double it.
func appendPath(dst []byte, prefix string, path []byte, version Version) []byte {
	start := len(dst)
	inside := strings.HasSuffix(prefix, v1)
	if version == DropV1 {
		prefix, path = strings.TrimSuffix(prefix, v1), withoutV1(path)
	}
	dst = append(dst, prefix...)
	switch {
	case version == DropV1:
	case !isVersioned(path):
		if version == AddV1 && !inside {
			dst = append(dst, v1...)
		}
	case inside:
		path = withoutV1(path)
	}
	if len(path) == 0 && len(dst) == start || len(path) > 0 && path[0] != '/' {
		dst = append(dst, '/')
	}
	return appendSafe(dst, path, true)
}

const v1 = "/v1"

// withoutV1 takes a first segment "v1" off path.
func withoutV1(path []byte) []byte {
	rest, ok := bytes.CutPrefix(path, []byte(v1))
	if !ok || len(rest) > 0 && rest[0] != '/' {
		return path
	}
	return rest
}

// isVersioned reports whether path starts with a segment like "/v1" or "/v2".
func isVersioned(path []byte) bool {
	if len(path) < 3 || path[0] != '/' || path[1] != 'v' {
		return false
	}
	for i, c := range path[2:] {
		if c == '/' {
			return i > 0
		}
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// appendSafe appends a path or query as it is, but for bytes that would end it
// or the line that it stands in: these are percent-encoded.
func appendSafe(dst, s []byte, path bool) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range s {
		if c <= ' ' || c == 0x7f || c == '#' || path && c == '?' {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
			continue
		}
		dst = append(dst, c)
	}
	return dst
}
