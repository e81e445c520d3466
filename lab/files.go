package lab

import (
	"bytes"
	"embed"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"text/template"
)

//go:embed files
var files embed.FS

// claim makes sure that the directory may be made, and removed at the end. It removes one that a killed lab left:
// its socket exists, but nothing answers.
func (p paths) claim() error {
	if _, err := os.Stat(p.dir); err != nil {
		return nil //nolint:nilerr // it does not exist, or making it returns the error
	}
	if _, err := os.Stat(p.control()); err == nil {
		if conn, err := net.Dial("unix", p.control()); err == nil {
			conn.Close()
			return fmt.Errorf("lab: another lab runs in %s", p.dir)
		}
		return os.RemoveAll(p.dir)
	}
	return fmt.Errorf("lab: %s already exists; remove it, or choose another directory with --dir", p.dir)
}

// write writes the lab's directory.
func (p paths) write(karmada bool) error {
	if err := os.MkdirAll(p.manifests(), 0o755); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	names, from := append([]string{"clusters"}, Functions...), ""
	if karmada {
		names, from = Functions, "karmada" // which has the members' Clusters itself
	}
	for _, name := range names {
		if err := p.copy(path.Join(from, name+".yaml"), filepath.Join(p.manifests(), name+".yaml")); err != nil {
			return err
		}
	}
	if err := p.copy("locations.csv", p.locations()); err != nil {
		return err
	}
	for _, s := range Sites {
		if err := p.render("Corefile.tmpl", p.corefile(s.Name), s, karmada); err != nil {
			return err
		}
		if err := p.render("speaker.yaml.tmpl", p.speaker(s.Name), s, karmada); err != nil {
			return err
		}
	}
	return nil
}

func (p paths) copy(name, to string) error {
	data, err := files.ReadFile(path.Join("files", name))
	if err == nil {
		err = os.WriteFile(to, data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}

// render fills in a template with what a site's programs need to know.
func (p paths) render(name, to string, s Site, karmada bool) error {
	kubeconfig := ""
	if karmada {
		kubeconfig = p.kubeconfig()
	}
	t, err := template.ParseFS(files, path.Join("files", name))
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	var out bytes.Buffer
	err = t.Execute(&out, struct {
		Site
		Zone, Manifests, Kubeconfig, Locations, Admin, SpeakerAdmin string
		RouterAddr, DNSVIP, FunctionVIP                             netip.Addr
		RouterPort, RouterASN                                       int
	}{
		s, Zone, p.manifests(), kubeconfig, p.locations(), p.admin(s.Name, "dns"), p.admin(s.Name, "speaker"),
		routerAddr, DNSVIP, FunctionVIP, routerPort, routerASN,
	})
	if err == nil {
		err = os.WriteFile(to, out.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}
