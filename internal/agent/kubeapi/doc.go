// Package kubeapi is the little of the Kubernetes API that an agent needs: follow one object by name, patch the own
// pod, update one Lease. It uses client-go's transport and wire types but no clientset, informer or cache: an agent
// has to fit into a few megabytes and follows three objects.
//
// Every call survives an API server that is away, slow or restarted: Follow retries for ever and reports only states
// of the object, the other calls return the error to a caller who decides.
package kubeapi
