package shop

import (
	"encoding/json"
	"errors"
	"net/http"
)

// builder makes the handler of one HTTP service.
type builder func(Config, *caller) http.Handler

// leafs maps a service to its handler. Each is a page of code on purpose: the shop
// is there to be read.
func leafs() map[string]builder {
	return map[string]builder{
		"catalog":         catalog,
		"users":           users,
		"payments":        payments,
		"shipping":        shipping,
		"recommendations": recommendations,
		"cart":            cart,
		"checkout":        checkout,
		"gateway":         gateway,
	}
}

// answer writes v as JSON, or the error as the status a caller can act on: 502 when
// a service behind this one failed.
func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		refuse(w, err)
		v = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // the client went away; there is no one left to tell
}

func refuse(w http.ResponseWriter, err error) {
	code := http.StatusBadGateway
	s, answered := errors.AsType[*statusError](err)
	if answered && s.reason != "" {
		w.Header().Set(reasonHeader, s.reason)
	}
	if answered && s.code < http.StatusInternalServerError {
		code = s.code
	}
	w.WriteHeader(code)
}

var products = []map[string]any{
	{"id": "1", "name": "lamp", "cents": 4900},
	{"id": "2", "name": "chair", "cents": 12900},
	{"id": "3", "name": "desk", "cents": 34900},
}

func catalog(Config, *caller) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /products", func(w http.ResponseWriter, _ *http.Request) { answer(w, products, nil) })
	mux.HandleFunc("GET /products/{id}", func(w http.ResponseWriter, r *http.Request) {
		for _, p := range products {
			if p["id"] == r.PathValue("id") {
				answer(w, p, nil)
				return
			}
		}
		answer(w, nil, &statusError{service: "catalog", code: http.StatusNotFound})
	})
	return mux
}

func users(Config, *caller) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]string{"id": r.PathValue("id"), "city": "Ghent"}, nil)
	})
	return mux
}

func payments(c Config, _ *caller) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /charges", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"charge": "accepted", "by": c.Version}, nil)
	})
	return mux
}

func shipping(Config, *caller) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /quotes", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"days": 2, "cents": 590}, nil)
	})
	return mux
}
