// Package sdk is what the author of a policy calls. A policy is a package main
// that exports the hooks it wants, one line each, and hands them to functions
// of its own:
//
//	//go:wasmexport configure
//	func configure() int32 { return sdk.Configure(setup) }
//
//	//go:wasmexport on_request
//	func onRequest() int32 { return sdk.Hook(handle) }
//
//	func main() {}
//
//	func setup(c *sdk.Config) { model = c.String("model", "") }
//
//	func handle() sdk.Action {
//		if err := sdk.SetModel(model); err != nil {
//			return sdk.Fail(err.Error())
//		}
//		return sdk.Continue
//	}
//
// It is built with the plain Go toolchain,
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -trimpath -buildvcs=false -ldflags="-s -w -buildid=" -o NAME.wasm .
//
// and compiles natively as well, so that `go test` runs it on the pretended
// router of package sdktest. The exports stand in the policy's own package
// because presence is interest: the router calls exactly the hooks that a
// module exports, and an exported on_event is paid by every event of a stream.
// Where the config decides which hooks are needed, call Interest in setup.
//
// # How long a string lives
//
// Every string that a function of this package returns lies in a buffer that
// is used again: it is valid until the hook returns. Use strings.Clone to keep
// one in a global, and a var (SetVar) to hand one to a later hook: hooks of one
// exchange may run on different instances of the policy. Natively the buffer
// is overwritten when a hook returns, so that a test finds a string that was
// kept. Strings of a Config are the policy's to keep.
//
// # Cost
//
// No function here allocates once its buffer has grown to the exchange's
// values, and a guest that does not allocate never collects garbage. Each call
// of the router costs some tens of nanoseconds: ask once and keep the answer in
// a local variable. A policy needs neither fmt nor encoding/json, which double
// the size of a module and the time to compile it: Config reads the config,
// and the router does the JSON (Text, Float, SetJSON...).
//
// Nothing here is safe for use by several goroutines, and a hook that starts
// one has nobody to run it after it returned.
//
// sdk/ABI.md specifies what lies underneath, for authors in other languages.
package sdk
