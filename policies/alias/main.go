// Package main is the policy alias: clients ask for the names they know, and
// services get the models they serve. See README.md.
package main

import (
	"github.com/infinirouter/infinirouter/sdk"
)

//go:wasmexport configure
func configure() int32 { return sdk.Configure(setup) }

//go:wasmexport on_request
func onRequest() int32 { return sdk.Hook(rename) }

//go:wasmexport on_response
func onResponse() int32 { return sdk.Hook(restoreReply) }

//go:wasmexport on_event
func onEvent() int32 { return sdk.Hook(restoreReply) }

func main() {}
