package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// engine compiles WebAssembly modules, each once for all clusters.
type engine struct {
	wazero  wazero.Runtime
	mu      sync.Mutex
	modules map[string]wazero.CompiledModule
}

// newEngine makes an engine whose modules may use WASI and Spin's outbound HTTP.
func newEngine(ctx context.Context) (*engine, error) {
	e := &engine{wazero: wazero.NewRuntime(ctx), modules: map[string]wazero.CompiledModule{}}
	_, err := wasi_snapshot_preview1.Instantiate(ctx, e.wazero)
	if err == nil {
		_, err = e.wazero.NewHostModuleBuilder("wasi-outbound-http").
			NewFunctionBuilder().WithFunc(outboundRequest).Export("request").Instantiate(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lab: WebAssembly: %w", err), e.wazero.Close(ctx))
	}
	return e, nil
}

func (e *engine) compile(path string) (wazero.CompiledModule, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m, ok := e.modules[path]; ok {
		return m, nil
	}
	code, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("lab: %w; build it with make build", err)
	}
	m, err := e.wazero.CompileModule(context.Background(), code)
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %w", path, err)
	}
	e.modules[path] = m
	return m, nil
}

func (e *engine) close() error { return e.wazero.Close(context.Background()) }

// wasm runs a function like Spin: each call has its own instance.
type wasm struct {
	engine *engine
	module wazero.CompiledModule
	env    []string
}

func (w *wasm) start() error { return nil }
func (w *wasm) stop()        {}

func (w *wasm) call(ctx context.Context, c call) (outcome, error) {
	begin := time.Now()
	instance, err := w.engine.wazero.InstantiateModule(ctx, w.module, w.config())
	if err != nil {
		return outcome{}, fmt.Errorf("instantiating: %w", err)
	}
	ready := time.Now()
	out, err := handle(ctx, instance, c)
	out.cold, out.processing = ready.Sub(begin), time.Since(ready)
	out.end = func() { _ = instance.Close(context.Background()) } // it uses only memory
	return out, err
}

// config is what an instance may use: no files, no arguments, only its settings.
func (w *wasm) config() wazero.ModuleConfig {
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").
		WithSysWalltime().WithSysNanotime().WithRandSource(rand.Reader).WithStderr(os.Stderr)
	for _, setting := range w.env {
		name, value, _ := strings.Cut(setting, "=")
		config = config.WithEnv(name, value)
	}
	return config
}

// handle calls the function through Spin's interface for modules; lab/functions/handler implements the other side.
func handle(ctx context.Context, instance api.Module, c call) (outcome, error) {
	g := guest{ctx, instance, nil}
	uri, host, hasBody, body := g.give([]byte(c.uri)), g.pair("host", c.host), uint64(0), uint32(0)
	if len(c.body) > 0 {
		hasBody, body = 1, g.give(c.body)
	}
	result := g.call("handle-http-request", methodNumber(c.method), uint64(uri), uint64(len(c.uri)), uint64(host), 1, 0, 0, hasBody, uint64(body), uint64(len(c.body)))
	reply := g.read(uint32(result), 28)
	if g.err != nil {
		return outcome{}, g.err
	}
	out := outcome{status: int(u16(reply, 0))}
	if reply[4] == 1 && u32(reply, 12) > 0 { // the first header is the content type
		first := g.read(u32(reply, 8), 16)
		out.contentType = string(g.read(u32(first, 8), u32(first, 12)))
	}
	if reply[16] == 1 {
		out.body = g.read(u32(reply, 20), u32(reply, 24))
	}
	return out, g.err
}
