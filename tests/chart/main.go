// Renders the chart with Helm's own engine, lints it with Helm's own rules, and reads each object strictly as the type that Kubernetes has for it.
//
//	chart render CHART [VALUES.yaml..]   the rendered objects, as YAML
//	chart read FILE..                    the same strict reading of plain manifests
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) < 2 {
		return errors.New("usage: chart render CHART [VALUES.yaml..] | chart read FILE..")
	}
	var texts []string
	switch arguments[0] {
	case "render":
		rendered, err := render(arguments[1], arguments[2:])
		if err != nil {
			return err
		}
		texts = rendered
	case "read":
		for _, path := range arguments[1:] {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			texts = append(texts, string(text))
		}
	default:
		return fmt.Errorf("%s is not a command", arguments[0])
	}
	return check(texts)
}

// The chart's templates with its values, and those of a file above them.
func render(folder string, overlays []string) ([]string, error) {
	values := chartutil.Values{}
	for _, path := range overlays {
		read, err := chartutil.ReadValuesFile(path)
		if err != nil {
			return nil, err
		}
		values = chartutil.CoalesceTables(read, values)
	}
	linted := lint.AllWithKubeVersion(folder, values, "apps", nil)
	for _, message := range linted.Messages {
		if support.InfoSev < message.Severity {
			return nil, fmt.Errorf("helm lint: %s", message)
		}
	}
	chart, err := loader.Load(folder)
	if err != nil {
		return nil, err
	}
	release := chartutil.ReleaseOptions{Name: "users", Namespace: "apps", Revision: 1, IsInstall: true}
	whole, err := chartutil.ToRenderValues(chart, values, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Engine{Strict: true}.Render(chart, whole)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range files {
		if strings.HasSuffix(name, ".yaml") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var texts []string
	for _, name := range names {
		texts = append(texts, files[name])
	}
	return texts, nil
}

// Prints each object once it has been read strictly: an unknown, misplaced or doubled field is an error.
func check(texts []string) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme, monitoringv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, text := range texts {
		documents := utilyaml.NewYAMLReader(newReader(text))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if len(bytes.TrimSpace(withoutComments(document))) == 0 {
				continue
			}
			if _, _, err := decoder.Decode(document, nil, nil); err != nil {
				return fmt.Errorf("%w in:\n%s", err, document)
			}
			fmt.Printf("---\n%s\n", bytes.TrimSpace(document))
		}
	}
	return nil
}

func newReader(text string) *bufio.Reader { return bufio.NewReader(strings.NewReader(text)) }

func withoutComments(document []byte) []byte {
	var kept [][]byte
	for _, line := range bytes.Split(document, []byte("\n")) {
		if trimmed := bytes.TrimSpace(line); !bytes.HasPrefix(trimmed, []byte("#")) && !bytes.Equal(trimmed, []byte("---")) {
			kept = append(kept, line)
		}
	}
	return bytes.Join(kept, []byte("\n"))
}
