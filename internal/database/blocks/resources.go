package blocks

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// ServerResources are what a server's container gets unless the user says otherwise (FACTS of the KubeDB API): there is
// no limit of CPU, because throttling a database makes it slower without protecting anyone.
func ServerResources() corev1.ResourceRequirements {
	return requirements("500m", "1Gi", "1Gi")
}

// installerResources are for copying one file.
func installerResources() corev1.ResourceRequirements { return requirements("10m", "16Mi", "64Mi") }

// gitSyncResources are for one shallow clone; git maps the packs that it reads.
func gitSyncResources() corev1.ResourceRequirements { return requirements("10m", "64Mi", "512Mi") }

// exporterResources are for an exporter that is scraped every few seconds.
func exporterResources() corev1.ResourceRequirements { return requirements("10m", "32Mi", "128Mi") }

func requirements(cpu, memory, memoryLimit string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse(cpu),
			corev1.ResourceMemory: resource.MustParse(memory),
		},
		Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memoryLimit)},
	}
}

// FillResources completes what the user said: a missing request becomes the limit, a missing limit the request, and a
// limit below its request is raised to it. What the user did not mention at all gets the default.
func FillResources(user, defaults corev1.ResourceRequirements) corev1.ResourceRequirements {
	out := *user.DeepCopy()
	for name, otherwise := range defaults.Limits {
		set(&out.Limits, name, limit(user, name, otherwise))
	}
	for name, otherwise := range defaults.Requests {
		request, asked := user.Requests[name]
		if !asked {
			request, asked = user.Limits[name]
		}
		if !asked {
			request = otherwise
		}
		set(&out.Requests, name, request)
	}
	return out
}

func limit(user corev1.ResourceRequirements, name corev1.ResourceName, otherwise resource.Quantity) resource.Quantity {
	request, asked := user.Requests[name]
	limit, limited := user.Limits[name]
	switch {
	case limited && (!asked || limit.Cmp(request) > 0):
		return limit
	case asked:
		return request
	}
	return otherwise
}

func set(list *corev1.ResourceList, name corev1.ResourceName, value resource.Quantity) {
	if *list == nil {
		*list = corev1.ResourceList{}
	}
	(*list)[name] = value
}

// resizePolicy lets the kubelet change CPU and memory of a running container in place.
func resizePolicy() []corev1.ContainerResizePolicy {
	return []corev1.ContainerResizePolicy{
		{ResourceName: corev1.ResourceCPU, RestartPolicy: corev1.NotRequired},
		{ResourceName: corev1.ResourceMemory, RestartPolicy: corev1.NotRequired},
	}
}
