// Package ratingspb is the generated gRPC interface of the demo shop's ratings
// service.
package ratingspb

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative ratings.proto
