package web

import (
	"net/http"
	"strconv"
)

// indexParameter reads an index from the query: from 0 to most, and otherwise where it is absent.
func indexParameter(r *http.Request, name string, otherwise, most int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > most {
		return 0, badRequest("“%s” must be a number from 0 to %d.", name, most)
	}
	return n, nil
}
