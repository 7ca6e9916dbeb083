package host

import (
	"unsafe"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/large"
)

// keptBody is the largest body whose memory is kept for another one.
const keptBody = 4 << 20

// lendBody gives the body behind h, n bytes, the room that it needs: fasthttp's
// own pool keeps no large buffer where most bodies are small, and where it does,
// small bodies get them. h is a fasthttp.Request's, which is the only thing that
// fasthttp has headers in.
func lendBody(h *fasthttp.RequestHeader, n int) {
	if n > smallBody && n <= keptBody {
		request := (*fasthttp.Request)(unsafe.Add(unsafe.Pointer(h), -int(unsafe.Offsetof(fasthttp.Request{}.Header))))
		request.SwapBody(large.Take(n))
	}
}

// dropBody takes the room of a large body back: who uses ctx afterwards finds no
// body.
func dropBody(ctx *fasthttp.RequestCtx) {
	body := ctx.Request.Body()
	if cap(body) <= smallBody {
		return
	}
	if ctx.Request.SwapBody(nil); cap(body) <= keptBody {
		large.Give(body)
	}
}
