package shop

import "net/http"

func recommendations(_ Config, c *caller) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /for/{user}", func(w http.ResponseWriter, r *http.Request) {
		v, err := c.get(r, "http://catalog/products")
		answer(w, v, err)
	})
	return mux
}

func cart(_ Config, c *caller) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /carts/{user}", func(w http.ResponseWriter, r *http.Request) {
		item, err := c.get(r, "http://catalog/products/1")
		answer(w, map[string]any{"items": []any{item}}, err)
	})
	return mux
}

func checkout(_ Config, c *caller) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		known, err := all(r.Context(), map[string]func() (any, error){
			"user": func() (any, error) { return c.get(r, "http://users/users/7") },
			"cart": func() (any, error) { return c.get(r, "http://cart/carts/7") },
		})
		if err != nil {
			answer(w, nil, err)
			return
		}
		paid, err := all(r.Context(), map[string]func() (any, error){
			"payment":  func() (any, error) { return c.post(r, "http://payments/charges", `{"cents":4900}`) },
			"shipping": func() (any, error) { return c.post(r, "http://shipping/quotes", `{"city":"Ghent"}`) },
		})
		known["paid"] = paid
		answer(w, known, err)
	})
	return mux
}

func gateway(_ Config, c *caller) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		v, err := all(r.Context(), map[string]func() (any, error){
			"products": func() (any, error) { return c.get(r, "http://catalog/products") },
			"user":     func() (any, error) { return c.get(r, "http://users/users/7") },
			"for_you":  func() (any, error) { return c.get(r, "http://recommendations/for/7") },
		})
		answer(w, v, err)
	})
	mux.HandleFunc("GET /product/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		v, err := all(r.Context(), map[string]func() (any, error){
			"product": func() (any, error) { return c.get(r, "http://catalog/products/"+id) },
			"reviews": func() (any, error) { return c.get(r, "http://reviews/reviews/"+id) },
		})
		answer(w, v, err)
	})
	mux.HandleFunc("GET /cart", func(w http.ResponseWriter, r *http.Request) {
		v, err := c.get(r, "http://cart/carts/7")
		answer(w, v, err)
	})
	mux.HandleFunc("POST /checkout", func(w http.ResponseWriter, r *http.Request) {
		v, err := c.post(r, "http://checkout/orders", `{"user":"7"}`)
		answer(w, v, err)
	})
	return mux
}
