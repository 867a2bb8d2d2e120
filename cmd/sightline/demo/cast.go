package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// CastFile is the name of the file, in the demo's directory, that says where each
// workload of the shop listens.
const CastFile = "shop.json"

// Place is where one workload of the shop listens.
type Place struct {
	Service  string `json:"service"`
	Version  string `json:"version,omitempty"`
	App      string `json:"app,omitempty"` // empty for the load
	Outbound string `json:"outbound"`
	Inbound  string `json:"inbound"`
	Admin    string `json:"admin"`
}

// writeCast leaves the workloads' addresses where people and tests find them.
func writeCast(dir string, actors []*actor) error {
	places := make([]Place, len(actors))
	for i, a := range actors {
		places[i] = Place{
			Service: a.member.Service, Version: a.member.Version,
			App: a.app, Outbound: a.outbound, Inbound: a.inbound, Admin: a.admin,
		}
	}
	b, err := json.MarshalIndent(places, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", CastFile, err)
	}
	if err := os.WriteFile(filepath.Join(dir, CastFile), b, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", CastFile, err)
	}
	return nil
}
