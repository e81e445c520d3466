package lab

import (
	"context"
	"fmt"
	"io"

	"github.com/nearcast/nearcast/lab/controlplane"
)

// karmadaMembers are the sites that run functions, as members of a control plane.
func karmadaMembers() []controlplane.Member {
	places := map[string]struct{ region, zone, provider, coordinates string }{
		"us-azure": {"us", "us-east", "azure", "37.37,-79.81"},
		"hpc-kube": {"mk", "mk-skopje", "finki", "42.00,21.41"},
		"de-wide":  {"de", "de-fra", "hetzner", "50.11,8.68"},
		"l26-ugd":  {"mk", "mk-stip", "ugd", "41.74,22.19"},
	}
	var members []controlplane.Member
	for _, s := range Sites {
		if !s.Gateway.IsValid() {
			continue
		}
		at := places[s.Name]
		members = append(members, controlplane.Member{
			Name: s.Name, Region: at.region, Zone: at.zone, Provider: at.provider,
			Annotations: map[string]string{"nearcast.dev/address": s.Gateway.String(), "nearcast.dev/coordinates": at.coordinates},
		})
	}
	return members
}

// startKarmada starts a real control plane with the sites as its members, and declares the functions there as users
// do.
func (l *Lab) startKarmada(ctx context.Context, programs controlplane.Programs, log io.Writer) (err error) {
	l.plane, err = controlplane.Start(ctx, controlplane.Options{
		Programs: programs, Dir: l.paths.plane(), Members: karmadaMembers(), Hasty: true, Log: log,
	})
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	if err := l.plane.Access(ctx, l.paths.kubeconfig()); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	if err := l.plane.Apply(ctx, "events"); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	for _, args := range [][]string{{"create", "namespace", "demo"}, {"apply", "-f", l.paths.manifests()}} {
		if _, err := l.plane.Kubectl(ctx, "", "", args...); err != nil {
			return fmt.Errorf("lab: %w", err)
		}
	}
	return nil
}
