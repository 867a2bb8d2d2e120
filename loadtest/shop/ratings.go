package shop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"

	"github.com/sightline-mesh/sightline/loadtest/shop/ratingspb"
)

// ratingsService is the gRPC leaf. Reflection is on, so that grpcurl needs no file.
type ratingsService struct {
	ratingspb.UnimplementedRatingsServer
}

func ratingsServer() http.Handler {
	s := grpc.NewServer()
	ratingspb.RegisterRatingsServer(s, ratingsService{})
	reflection.Register(s)
	return s
}

// Get answers a product's stars.
func (ratingsService) Get(_ context.Context, in *ratingspb.GetRequest) (*ratingspb.GetResponse, error) {
	return starsOf(in), nil
}

// Watch answers each request of the stream as it comes.
func (ratingsService) Watch(s ratingspb.Ratings_WatchServer) error {
	for {
		in, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.Send(starsOf(in)); err != nil {
			return err
		}
	}
}

func starsOf(in *ratingspb.GetRequest) *ratingspb.GetResponse {
	return &ratingspb.GetResponse{Product: in.GetProduct(), Stars: int32(1 + len(in.GetProduct())%5)}
}

// stars finds a product's stars, or nothing where the version does not show them.
type stars func(r *http.Request, product string) (int32, error)

// starsSource is how this version of reviews gets stars: v1 shows none, v2 and v3
// ask ratings, as in Bookinfo.
func (c Config) starsSource() (stars, func(), error) {
	if c.Version == "v1" {
		return nil, func() {}, nil
	}
	conn, err := grpc.NewClient("passthrough:///"+c.Outbound, grpc.WithAuthority("ratings"),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		return nil, nil, fmt.Errorf("make client of ratings: %w", err)
	}
	client := ratingspb.NewRatingsClient(conn)
	ask := func(r *http.Request, product string) (int32, error) {
		md := metadata.MD{}
		for _, h := range passedOn {
			if v := r.Header.Get(h); v != "" {
				md.Set(h, v)
			}
		}
		got, err := client.Get(metadata.NewOutgoingContext(r.Context(), md), &ratingspb.GetRequest{Product: product})
		if err != nil {
			return 0, fmt.Errorf("ask ratings for %s: %w", product, err)
		}
		return got.GetStars(), nil
	}
	return ask, func() { _ = conn.Close() }, nil
}

func reviews(ask stars) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /reviews/{id}", func(w http.ResponseWriter, r *http.Request) {
		review := map[string]any{"text": "sturdy and bright"}
		if ask == nil {
			answer(w, review, nil)
			return
		}
		n, err := ask(r, r.PathValue("id"))
		review["stars"] = n
		answer(w, review, err)
	})
	return mux
}
