//go:build wasip1

// Command guest is a plugin that does what its config says, with the plain
// imports and exports of the ABI.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
	"unsafe"
)

//go:wasmimport router_v1 config_get
func configGet(buf unsafe.Pointer, capacity uint32) int32

//go:wasmimport router_v1 fail
func fail(ptr unsafe.Pointer, n uint32)

//go:wasmimport router_v1 interest_set
func interestSet(mask int32) int32

//go:wasmimport router_v1 property_get
func propertyGet(key int32, buf unsafe.Pointer, capacity uint32) int32

//go:wasmimport router_v1 model_set
func modelSet(ptr unsafe.Pointer, n uint32) int32

//go:wasmimport router_v1 reply
func reply(status int32, typ unsafe.Pointer, typLen uint32, body unsafe.Pointer, bodyLen uint32) int32

//go:wasmimport router_v1 now_ms
func nowMS() int64

var (
	action string
	buffer [512]byte
	hoard  [][]byte
)

func refuse(format string, args ...any) int32 {
	text := fmt.Sprintf(format, args...)
	fail(unsafe.Pointer(unsafe.StringData(text)), uint32(len(text)))
	return 1
}

//go:wasmexport configure
func configure() int32 {
	n := configGet(unsafe.Pointer(&buffer), uint32(len(buffer)))
	action = strings.Trim(string(buffer[:n]), `"`)
	switch action {
	case "do:refuse":
		return refuse("key %q is unknown\n", "colour")
	case "do:narrow":
		interestSet(1)
	case "do:panic early":
		panic("no config, no life")
	}
	return 0
}

//go:wasmexport on_request
func onRequest() int32 {
	switch action {
	case "do:alias":
		n := propertyGet(4, unsafe.Pointer(&buffer), uint32(len(buffer)))
		model := append(buffer[:n:n], "-alias"...)
		modelSet(unsafe.Pointer(&model[0]), uint32(len(model)))
	case "do:panic":
		model := []byte("broken")
		modelSet(unsafe.Pointer(&model[0]), uint32(len(model)))
		panic("out of ideas")
	case "do:exit":
		os.Exit(3)
	case "do:sleep":
		time.Sleep(time.Hour)
	case "do:deadlock":
		select {}
	case "do:spin":
		for start := time.Now(); time.Since(start) < time.Second; {
		}
	case "do:hoard":
		for {
			hoard = append(hoard, make([]byte, 1<<20))
		}
	case "do:garbage":
		for range 50 {
			hoard = [][]byte{make([]byte, 100_000)}
		}
		runtime.GC()
	case "do:print":
		fmt.Println("hello", nowMS(), len(os.Args), len(os.Environ()))
		if _, err := os.Open("/etc/passwd"); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	case "do:reply":
		body := []byte(`{"no":true}`)
		reply(429, nil, 0, unsafe.Pointer(&body[0]), uint32(len(body)))
		return 1
	case "do:goroutine":
		done := make(chan int32)
		go func() { done <- 0 }()
		return <-done
	}
	return 0
}

//go:wasmexport on_done
func onDone() int32 { return 0 }

func main() {}
