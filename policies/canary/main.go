// Package main is the policy canary: it splits a model's requests over arms by
// weight, and keeps every user on an arm. See README.md.
package main

import "github.com/infinirouter/infinirouter/sdk"

//go:wasmexport configure
func configure() int32 { return sdk.Configure(setup) }

//go:wasmexport on_request
func onRequest() int32 { return sdk.Hook(split) }

//go:wasmexport on_route
func onRoute() int32 { return sdk.Hook(steer) }

func main() {}
