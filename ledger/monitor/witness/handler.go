package witness

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/attestlog/attestlog/ledger/verify"
)

// Handler serves tlog-witness: POST /add-checkpoint, and for monitors GET /<SHA-256 of the origin in hex>/checkpoint, the last
// checkpoint that was cosigned, verbatim.
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", w.postCheckpoint)
	mux.HandleFunc("GET /{origin}/checkpoint", w.getCheckpoint)
	return mux
}

func (w *Witness) postCheckpoint(out http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(out, in.Body, verify.MaxAddCheckpoint))
	if err != nil {
		http.Error(out, fmt.Sprintf("couldn't read the request: at most %d bytes are allowed", verify.MaxAddCheckpoint), http.StatusRequestEntityTooLarge)
		return
	}
	request, err := verify.ParseAddCheckpoint(body)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	line, err := w.AddCheckpoint(in.Context(), request)
	var refused *RefusedError
	switch {
	case errors.As(err, &refused) && refused.Stale:
		out.Header().Set("Content-Type", verify.SizeContentType)
		out.WriteHeader(refused.Status)
		fmt.Fprintf(out, "%d\n", refused.Size)
	case errors.As(err, &refused):
		http.Error(out, refused.Reason, refused.Status)
	case err != nil:
		w.log.Error("couldn't cosign", "error", err)
		http.Error(out, "the witness is in trouble, and cosigned nothing", http.StatusInternalServerError)
	default:
		out.Header().Set("Content-Type", "text/plain; charset=utf-8")
		out.Write(line) // a reader that left asks again
	}
}

func (w *Witness) getCheckpoint(out http.ResponseWriter, in *http.Request) {
	for origin := range w.logs {
		if OriginHash(origin) != in.PathValue("origin") {
			continue
		}
		if head, ok := w.Latest(origin); ok {
			out.Header().Set("Content-Type", "text/plain; charset=utf-8")
			out.Header().Set("Cache-Control", "no-cache")
			out.Write(head.Note)
			return
		}
	}
	http.Error(out, "this witness has cosigned no checkpoint of such a log", http.StatusNotFound)
}
