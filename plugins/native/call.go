package native

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero/api"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Where a guest is called from: one bit for each hook and one for configure,
// which stands for everything that runs before the first hook.
const (
	inRequest = 1 << iota
	inRoute
	inResponse
	inEvent
	inDone
	inConfigure

	inHooks    = inRequest | inRoute | inResponse | inEvent | inDone
	inAnywhere = inHooks | inConfigure
)

const (
	maxFailText = 1 << 10  // bytes kept of a fail()
	maxScratch  = 64 << 10 // bytes of scratch that an idle instance may hold
	maxNames    = 256      // metric names that an instance remembers
)

// errStopped is what a host function panics with to stop the guest. Why it was
// stopped is in Call.failure.
var errStopped = errors.New("stopped by the router")

// Failure is why a call failed although the guest may not have noticed.
type Failure struct {
	Kind   plugins.FailureKind // "": it has not failed
	Reason string
}

// Call is the state of one instance's current call and the context that its
// host functions get. One goroutine at a time.
//
// What every call needs stands first and close together: where requests are few,
// each line of memory is fetched anew for every one of them.
type Call struct {
	x        plugins.Exchange // nil in configure
	policy   *Policy
	inside   *function // the host function that runs, nil while the guest does
	hook     abi.Hook
	where    uint8 // one of the in bits
	begun    bool
	replied  bool
	untidy   bool // words, a failure, large buffers: Start and Finish have to look
	hostLeft int32
	mem      api.Memory
	fuel     Fuel

	context.Context // Background: deadlines are fuel's business

	failure  Failure
	written  int64 // bytes of long edits and replies
	failText []byte
	said     []byte // first line on stderr in this call
	line     []byte // unfinished line on stdout or stderr
	lineFD   uint32
	scratch  []byte
	answers  []byte // of a function that answers several questions
	paths    asked  // of json_numbers
	texts    asked  // of texts_get
	open     openNames
	counter  []byte            // the metric name that was valid last
	names    map[string]string // metric names as strings
	mono     int64             // the latest monotonic time that the guest was told
	interest int32             // hooks that configure asked for, a bit each
	random   uint64            // state of the generator outside an exchange
}

// NewCall returns the state of one new instance. Bind must follow before the
// guest runs.
func (p *Policy) NewCall() *Call {
	return &Call{Context: context.Background(), policy: p, random: p.seed, interest: abi.AllHooks, names: map[string]string{}}
}

// Bind tells the call the instance's memory and fuel.
func (c *Call) Bind(mem api.Memory, fuel Fuel) { c.mem, c.fuel = mem, fuel }

// Fuel is the instance's fuel.
func (c *Call) Fuel() *Fuel { return &c.fuel }

// Value makes a Call an empty context without asking another one.
func (c *Call) Value(any) any { return nil }

// Start begins a hook call on x.
func (c *Call) Start(hook abi.Hook, x plugins.Exchange) {
	c.hook, c.where, c.x = hook, 1<<hook, x
	c.reset()
}

// StartConfigure begins what runs before any hook: start function, _initialize
// and configure. There is no exchange then.
func (c *Call) StartConfigure() {
	c.where, c.x = inConfigure, nil
	c.reset()
}

func (c *Call) reset() {
	c.begun, c.replied, c.inside = false, false, nil
	c.hostLeft = c.policy.hostCalls
	if c.untidy {
		c.failText, c.said, c.failure, c.written, c.untidy = c.failText[:0], c.said[:0], Failure{}, 0, false
	}
}

// Finish ends the call: it drops the exchange and writes what the guest left
// unfinished on its standard streams. What the other methods report stays
// until the next start.
func (c *Call) Finish() {
	c.x = nil
	if c.untidy {
		c.tidy()
	}
}

func (c *Call) tidy() {
	if len(c.line) > 0 {
		c.flushLine()
	}
	if max(cap(c.scratch), cap(c.answers)) > maxScratch {
		c.scratch, c.answers = nil, nil
	}
	c.paths.trim()
	c.texts.trim()
}

// holds notes that a buffer has come to hold so many bytes.
func (c *Call) holds(size int) {
	if size > maxScratch {
		c.untidy = true
	}
}

// Begun reports whether Exchange.Begin was called: Commit or Rollback is due.
func (c *Call) Begun() bool { return c.begun }

// Replied reports whether the hook called reply successfully.
func (c *Call) Replied() bool { return c.replied }

// Written returns how many bytes the router has to send because of the call; short
// edits and replies are not counted.
func (c *Call) Written() int64 {
	if !c.untidy {
		return 0
	}
	return c.written
}

// Interest returns the hooks that configure said the policy needs, all if it
// said nothing.
func (c *Call) Interest() plugins.HookSet { return plugins.HookSet(c.interest) }

// Failure reports whether a host function failed the call.
func (c *Call) Failure() (Failure, bool) { return c.failure, c.failure.Kind != "" }

// HasFailed reports whether a host function failed the call.
func (c *Call) HasFailed() bool { return c.untidy && c.failure.Kind != "" }

// HasFailText reports whether the guest gave a reason with fail().
func (c *Call) HasFailText() bool { return c.untidy && len(c.failText) > 0 }

// Inside returns the host function that had not returned when the guest was
// left, "" if there is none. Without a Failure that is a panic of the router.
func (c *Call) Inside() string {
	if c.inside == nil {
		return ""
	}
	return c.inside.name
}

// FailText returns what the guest gave to fail() last: one line, printable.
func (c *Call) FailText() string { return OneLine(c.failText, maxFailText) }

// Said returns the first line that the guest wrote to stderr in this call,
// which is where a language runtime says why it dies: one line, printable.
func (c *Call) Said() string { return OneLine(c.said, maxSaid) }

// fail marks the call as failed; the first reason stays.
func (c *Call) fail(kind plugins.FailureKind, format string, args ...any) {
	c.untidy = true
	if c.failure.Kind == "" {
		c.failure = Failure{Kind: kind, Reason: fmt.Sprintf(format, args...)}
	}
}

// Detach tells the exchange, if it wants to know, that the call takes long.
func (c *Call) Detach() {
	if d, ok := c.x.(plugins.Detacher); ok {
		d.Detach()
	}
}

// Stop fails the call and leaves the guest, which waits for the host, at once: it
// does not return.
func (c *Call) Stop(kind plugins.FailureKind, format string, args ...any) {
	c.stop(kind, format, args...)
}

// stop fails the call and leaves the guest at once.
func (c *Call) stop(kind plugins.FailureKind, format string, args ...any) {
	c.fail(kind, format, args...)
	panic(errStopped)
}

// edit must precede every change of the exchange.
func (c *Call) edit() {
	if !c.begun {
		c.begun = true
		c.x.Begin()
	}
}

// code turns an error of the exchange into what the guest sees.
func (c *Call) code(err error) int32 {
	switch err { // as errors mostly are, without a walk through what they wrap
	case nil:
		return 0
	case plugins.ErrAbsent:
		return abi.Absent
	case plugins.ErrMalformed:
		return abi.Malformed
	}
	switch {
	case errors.Is(err, plugins.ErrAbsent):
		return abi.Absent
	case errors.Is(err, plugins.ErrNotAllowed):
		return abi.NotAllowed
	case errors.Is(err, plugins.ErrTooLarge):
		c.notice("a value was refused", err.Error())
		return abi.TooLarge
	default:
		return abi.Malformed
	}
}

// granted reports whether the policy has a grant; its lack is logged.
func (c *Call) granted(g abi.Grant) bool {
	if c.policy.Grants&g != 0 {
		return true
	}
	c.policy.lack(g, c.inside.name)
	return false
}
