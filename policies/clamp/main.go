// Package main is the policy clamp: it keeps the parameters of requests within
// what the operator allows. See README.md.
package main

import "github.com/infinirouter/infinirouter/sdk"

//go:wasmexport configure
func configure() int32 { return sdk.Configure(setup) }

//go:wasmexport on_request
func onRequest() int32 { return sdk.Hook(clamp) }

//go:wasmexport on_response
func onResponse() int32 { return sdk.Hook(tell) }

func main() {}
