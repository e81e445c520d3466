package site

import (
	"errors"
	"time"

	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/source/manifest"
	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// Once builds the View that the configuration's files produce, and starts nothing:
// placements have no probe verdicts, so Karmada's health decides.
func Once(config Config) (*View, error) {
	if config.Source.Manifests == "" {
		return nil, errors.New("the source is Karmada; ask a running instance over its admin socket")
	}
	listing, err := manifest.New(config.Source.Manifests).Load()
	if err != nil {
		return nil, err
	}
	at := locations{table: locate.Empty}
	if !config.Locations.IsZero() {
		at.table, at.faults = config.Locations.Load()
	}
	store := staging.NewStore()
	store.Replace(listing)
	store.Confirm(time.Now())
	view := firstView(config, stateOf(config, store, at, nil, new(build.Builder)), at.table)
	view.Standing = view.Stand(steer.Unprobed, nil)
	return view, nil
}
