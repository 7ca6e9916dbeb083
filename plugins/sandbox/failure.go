package sandbox

import (
	"fmt"
	"strings"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/plugins/native"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

const (
	maxReason = 1 << 10 // bytes of a reason
	maxFrames = 8       // functions named of a guest's stack

	initKnob = "policies.limits.init_fuel"
)

// fuelKnobs name the limit that a hook's fuel comes from.
var fuelKnobs = [abi.HookCount]string{
	abi.OnRequest:  "policies.limits.fuel",
	abi.OnRoute:    "policies.limits.fuel",
	abi.OnResponse: "policies.limits.fuel",
	abi.OnEvent:    "policies.limits.event_fuel",
	abi.OnDone:     "policies.limits.fuel",
}

// fault says whether and why a guest's run failed, short of its result. err is
// wazero's, left the fuel that remains. Nothing of a Go panic gets into it.
func (p *policy) fault(in *instance, err error, left int64, knob string) *native.Failure {
	f, failed := in.call.Failure()
	switch {
	case left < 0:
		f = native.Failure{Kind: plugins.FailureFuel, Reason: fmt.Sprintf("out of fuel: it had %d (%s)", p.fuelOf(knob), knob) + stackText(err)}
	case failed:
		f.Reason += stackText(err)
	case err == nil:
		return nil
	case in.call.Inside() != "":
		// Not a guest's doing: the whole story goes to the router's log.
		p.logger.Error("a host function failed", "policy", p.name, "function", in.call.Inside(), "error", err.Error())
		f = native.Failure{
			Kind:   plugins.FailureInternal,
			Reason: "fault of the router in host function " + in.call.Inside() + "; the log has it",
		}
	default:
		f = native.Failure{Kind: plugins.FailureTrap, Reason: trapText(err)}
	}
	f.Reason = withWords(f.Reason, in.call)
	return &f
}

// fuelOf is the value behind a knob.
func (p *policy) fuelOf(knob string) int64 {
	switch knob {
	case initKnob:
		return p.limits.InitFuel
	case fuelKnobs[abi.OnEvent]:
		return p.limits.EventFuel
	}
	return p.limits.Fuel
}

// withWords adds what the guest itself had to say to a reason.
func withWords(reason string, c *native.Call) string {
	if text := c.FailText(); text != "" {
		reason += "; its reason: " + text
	}
	if said := c.Said(); said != "" {
		reason += "; it wrote: " + said
	}
	return native.OneLine([]byte(reason), maxReason)
}

// stackMark is the line in wazero's errors after which the guest's functions
// stand, a line each, innermost first.
const stackMark = "\nwasm stack trace:\n"

// trapText turns wazero's account of a trap into one line.
func trapText(err error) string {
	what, _, _ := strings.Cut(err.Error(), stackMark)
	return "trap: " + native.OneLine([]byte(strings.TrimPrefix(what, "wasm error: ")), maxReason) + stackText(err)
}

// stackText says in which functions of the guest an error arose, "" when that
// is not known. It stops at the first line that names none: what follows may be
// the router's own stack.
func stackText(err error) string {
	if err == nil {
		return ""
	}
	_, stack, _ := strings.Cut(err.Error(), stackMark)
	var frames []string
	for line := range strings.Lines(stack) {
		line = strings.TrimSpace(line)
		end := strings.LastIndexByte(line, '(')
		if end < 0 || len(frames) == maxFrames {
			break
		}
		frames = append(frames, printable(strings.TrimPrefix(line[:end], ".")))
	}
	if len(frames) == 0 {
		return ""
	}
	return " in " + strings.Join(frames, " < ")
}
