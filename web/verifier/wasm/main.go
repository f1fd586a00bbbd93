//go:build js && wasm

// Command wasm is the verifier in the browser: it gives JavaScript the functions of web/verifier/check, and does nothing of its own. It is
// made for a worker, where it may think for a second without a page standing still.
//
// It sets the global attestlogVerifier, an object of functions, and calls the global attestlogReady if there is one. Bytes are
// Uint8Arrays; answers are plain objects.
package main

import (
	"fmt"
	"syscall/js"

	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/verifier/check"
)

func main() {
	js.Global().Set("attestlogVerifier", js.ValueOf(map[string]any{
		"key":    function(1, func(a arguments) check.Object { return check.Key(a.text(0)) }),
		"policy": function(1, func(a arguments) check.Object { return check.Policy(a.text(0)) }),
		"bundle": function(4, func(a arguments) check.Object {
			return check.Bundle(a.bytes(0), a.text(1), a.text(2), func(step check.Object) { a[3].Invoke(plain(step)) })
		}),
		"receipt": function(4, func(a arguments) check.Object { return check.Receipt(a.bytes(0), a.bytes(1), a.text(2), a.text(3)) }),
		"head":    function(3, func(a arguments) check.Object { return check.Head(a.bytes(0), a.text(1), a.text(2)) }),
		"consistency": function(4, func(a arguments) check.Object {
			return check.Consistency(a.bytes(0), a.bytes(1), a.text(2), a.text(3))
		}),
		"fork":     function(2, func(a arguments) check.Object { return check.Fork(a.bytes(0), a.text(1)) }),
		"makeFork": function(3, func(a arguments) check.Object { return check.MakeFork(a.bytes(0), a.bytes(1), a.text(2)) }),
	}))
	if ready := js.Global().Get("attestlogReady"); ready.Type() == js.TypeFunction {
		ready.Invoke()
	}
	select {} // functions are called from now on
}

// arguments are those of a call.
type arguments []js.Value

func (a arguments) text(i int) string {
	if a[i].Type() != js.TypeString {
		panic(fmt.Sprintf("argument %d is no string", i))
	}
	return a[i].String()
}

// bytes copies an argument, of at most what any file may have and a byte, so that whoever reads it finds that it is too large.
func (a arguments) bytes(i int) []byte {
	b := make([]byte, min(a[i].Get("length").Int(), verify.MaxBundle+1))
	js.CopyBytesToGo(b, a[i])
	return b
}

// function makes a function for JavaScript that throws nothing: whatever goes wrong is an answer that is not ok.
func function(takes int, f func(arguments) check.Object) js.Func {
	return js.FuncOf(func(_ js.Value, given []js.Value) (answer any) {
		defer func() {
			if p := recover(); p != nil {
				answer = plain(check.Object{"ok": false, "error": fmt.Sprintf("the verifier failed: %v", p)})
			}
		}()
		if len(given) != takes {
			panic(fmt.Sprintf("%d arguments are needed, and %d were given", takes, len(given)))
		}
		return plain(f(given))
	})
}

// plain makes an answer fit for JavaScript, whose numbers are exact up to 2^53.
func plain(v any) any {
	switch v := v.(type) {
	case check.Object:
		o := make(map[string]any, len(v))
		for name, value := range v {
			o[name] = plain(value)
		}
		return o
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case int64:
		return float64(v)
	}
	return v
}
