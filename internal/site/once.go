package site

import (
	"errors"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/health"
	"github.com/nearcast/nearcast/internal/locate"
	"github.com/nearcast/nearcast/internal/manifest"
)

// Once builds the View that the configuration's files make, and starts nothing:
// no placement has a probe verdict, so Karmada's word decides.
func Once(config Config) (*View, error) {
	if config.Source.Manifests == "" {
		return nil, errors.New("the source is Karmada; ask a running instance over its admin socket")
	}
	listing, err := manifest.New(config.Source.Manifests).Load()
	if err != nil {
		return nil, err
	}
	at := locations{table: locate.Empty}
	if config.Locations != "" {
		if at.table, at.faults, err = locate.Load(config.Locations); err != nil {
			return nil, err
		}
	}
	store := federation.NewStore()
	store.Replace(listing)
	store.Confirm(time.Now())
	view := newView(config, build(config, store, at), at.table)
	view.Standing = view.Stand(func(federation.Target) health.Verdict { return health.Verdict{} }, nil)
	return view, nil
}
