package sdk

import (
	"strings"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Action is what a hook answers.
type Action = abi.Action

// The actions. Drop and End are for on_event alone; Reply and Refuse return
// the one that answers early.
const (
	Continue = abi.Continue
	Drop     = abi.Drop
	End      = abi.End
)

// failed is a result that no hook has: the router takes the hook for failed.
const failed Action = -1

// Hook runs the policy's function for one hook. What the function returns is
// the hook's result; the strings that it was given end with it.
func Hook(run func() Action) int32 {
	action := run()
	releaseArena()
	return int32(action)
}

// Configure reads the config, lets setup take what it wants from it, and
// refuses it when setup found a fault, or left a key unread, saying which and
// why. It runs once in every instance, before any hook.
func Configure(setup func(c *Config)) int32 {
	n := rawConfigGet(room(), left())
	if n > left() {
		grow(n)
		n = rawConfigGet(room(), left())
	}
	text, ok := keep(n)
	if !ok {
		text = "{}"
	}
	c, err := ParseConfig(strings.Clone(text))
	releaseArena()
	if err == nil {
		setup(c)
		err = c.Err()
		releaseArena()
	}
	if err != nil {
		rawFail(err.Error())
		return 1
	}
	return 0
}

// Interest tells the router, from Configure's setup, to call only these of the
// exported hooks. The latest call counts. A hook that is switched off costs an
// exchange nothing.
func Interest(hooks ...abi.Hook) error {
	var mask int32
	for _, h := range hooks {
		mask |= 1 << h
	}
	return done(rawInterestSet(mask))
}

// Fail gives the hook up: nothing that it changed remains, and the policy's
// on_error decides what becomes of the exchange. The reason is logged and
// never sent to a client. Use it as `return sdk.Fail("...")`.
func Fail(reason string) Action {
	rawFail(reason)
	return failed
}
