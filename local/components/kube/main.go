// Command kube is Kubernetes in one binary: etcd, the control plane, the node's
// components and kubectl, chosen by the name it is called under (a symlink) or
// by its first argument. One binary links once and shares its pages, where
// seven would take seven times the time and the disk.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	_ "time/tzdata" // CronJob time zones, as in the upstream commands

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// programs maps a program's name to its upstream main; os.Args is already the
// program's own when it runs.
var programs = map[string]func(){
	"etcd":                    func() { etcdmain.Main(os.Args) },
	"kube-apiserver":          func() { run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() { run(controllermanager.NewControllerManagerCommand()) },
	"kube-scheduler":          func() { run(scheduler.NewSchedulerCommand()) },
	"kubelet":                 func() { run(kubelet.NewKubeletCommand(context.Background())) },
	"kube-proxy":              func() { run(proxy.NewProxyCommand()) },
	"kubectl":                 runKubectl,
}

func run(command *cobra.Command) { os.Exit(cli.Run(command)) }

func runKubectl() {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}

func main() {
	args, found := dispatch(os.Args)
	if !found {
		fmt.Fprintf(os.Stderr, "usage: kube PROGRAM [ARGUMENT...], or call it by a symlink of that name; programs: %s\n", strings.Join(names(), ", "))
		os.Exit(2)
	}
	os.Args = args
	programs[args[0]]()
}

// dispatch finds the program that argv asks for and returns the argv it is to
// see: its plain name, then its own arguments.
func dispatch(argv []string) ([]string, bool) {
	for i := 0; i < len(argv) && i < 2; i++ {
		name := filepath.Base(argv[i])
		if _, ok := programs[name]; ok {
			return append([]string{name}, argv[i+1:]...), true
		}
	}
	return nil, false
}

func names() []string {
	list := make([]string, 0, len(programs))
	for name := range programs {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}
