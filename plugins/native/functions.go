package native

import (
	"context"
	"fmt"
	"math"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// function is one function of import module router_v1. It is what wazero
// calls: a struct and not a closure, so that the rules that hold for all of
// them stand in one place, and a failed call can tell where it was.
type function struct {
	name   string
	where  uint8     // the in bits of where it may be called
	denied uint64    // its result where it may not
	grant  abi.Grant // without which it always answers denied
	run    func(c *Call, s []uint64)
}

// Call implements api.GoFunction.
func (f *function) Call(ctx context.Context, s []uint64) {
	c := ctx.(*Call)
	c.inside = f
	if c.hostLeft--; c.hostLeft < 0 {
		c.tooManyCalls()
	}
	if f.where&c.where != 0 && (f.grant == 0 || c.granted(f.grant)) {
		f.run(c, s)
	} else {
		s[0] = f.denied
	}
	c.inside = nil
}

// tooManyCalls stands apart to keep the way of every call short.
func (c *Call) tooManyCalls() {
	c.stop(plugins.FailureLimit, "more than %d host calls (policies.limits.host_calls)", c.policy.Limits.HostCalls)
}

// also counts n questions within one call as so many calls: each may be as much
// work as a call of its own.
func (c *Call) also(n int) {
	if n > int(c.hostLeft) {
		c.tooManyCalls()
	}
	c.hostLeft -= int32(n)
}

var (
	notAllowed = result(abi.NotAllowed)
	notANumber = math.Float64bits(math.NaN())
	kvFailed   = uint64(1 << 63) // abi.KVFailed
)

// rules are the functions by name; their signatures are abi.Functions.
var rules = map[string]*function{
	"config_get":      {where: inAnywhere, run: configGet},
	"interest_set":    {where: inConfigure, denied: notAllowed, run: interestSet},
	"fail":            {where: inAnywhere, run: fail},
	"property_get":    {where: inHooks, denied: notAllowed, run: propertyGet},
	"texts_get":       {where: inHooks, denied: notAllowed, run: textsGet},
	"number_get":      {where: inHooks, denied: notANumber, run: numberGet},
	"header_get":      {where: inHooks, denied: notAllowed, run: headerGet},
	"header_set":      {where: inHooks, denied: notAllowed, run: headerSet},
	"header_remove":   {where: inHooks, denied: notAllowed, run: headerRemove},
	"json_get":        {where: inHooks, denied: notAllowed, run: jsonGet},
	"json_set":        {where: inHooks, denied: notAllowed, run: jsonSet},
	"json_remove":     {where: inHooks, denied: notAllowed, run: jsonRemove},
	"json_number":     {where: inHooks, denied: notANumber, run: jsonNumber},
	"json_numbers":    {where: inHooks, denied: notAllowed, run: jsonNumbers},
	"json_set_number": {where: inHooks, denied: notAllowed, run: jsonSetNumber},
	"json_string":     {where: inHooks, denied: notAllowed, run: jsonString},
	"json_set_string": {where: inHooks, denied: notAllowed, run: jsonSetString},
	// The candidates were chosen for the model as on_request left it.
	"model_set":        {where: inRequest, denied: notAllowed, run: modelSet},
	"candidate_count":  {where: inRoute, denied: notAllowed, run: candidateCount},
	"candidate_get":    {where: inRoute, denied: notAllowed, run: candidateGet},
	"candidate_label":  {where: inRoute, denied: notAllowed, run: candidateLabel},
	"candidate_number": {where: inRoute, denied: notANumber, run: candidateNumber},
	"candidate_score":  {where: inRoute, denied: notAllowed, run: candidateScore},
	"reply":            {where: inRequest | inResponse, denied: notAllowed, run: reply},
	"var_get":          {where: inHooks, denied: notAllowed, run: varGet},
	"var_set":          {where: inHooks, denied: notAllowed, run: varSet},
	"kv_get":           {where: inAnywhere, denied: notAllowed, run: kvGet},
	"kv_set":           {where: inAnywhere, denied: notAllowed, run: kvSet},
	"kv_add":           {where: inAnywhere, denied: kvFailed, run: kvAdd},
	"log":              {where: inAnywhere, run: logLine},
	"metric_add":       {where: inAnywhere, run: metricAdd},
	"now_ms":           {where: inAnywhere, run: nowMS},
	"random":           {where: inAnywhere, run: random},
	"hash":             {where: inAnywhere, run: hash},
}

// Instantiate puts router_v1 and wasi_snapshot_preview1 into a runtime. The
// functions work in instances whose calls are made with a *Call as context.
func Instantiate(ctx context.Context, rt wazero.Runtime) error {
	b := rt.NewHostModuleBuilder(abi.ImportModule)
	for _, sig := range abi.Functions {
		f, ok := rules[sig.Name]
		if !ok {
			return fmt.Errorf("host function %s has no implementation", sig.Name)
		}
		named := *f
		named.name, named.grant = sig.Name, sig.Grant
		b.NewFunctionBuilder().
			WithGoFunction(&named, valueTypes(sig.Params), valueTypes(sig.Results)).
			Export(sig.Name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("import module %s: %w", abi.ImportModule, err)
	}
	return instantiateWASI(ctx, rt)
}

// valueTypes turns the ABI's types into wazero's; both are the binary encoding.
func valueTypes(types []abi.Type) []api.ValueType {
	out := make([]api.ValueType, len(types))
	for i, t := range types {
		out[i] = api.ValueType(t)
	}
	return out
}
