package main

import (
	"testing"

	"github.com/infinirouter/infinirouter/sdk/sdktest"
)

var hooks = sdktest.Hooks{Configure: configure, OnRequest: onRequest, OnRoute: onRoute}

func TestCases(t *testing.T) { sdktest.Run(t, "testdata/cases.json", hooks) }
