package karmada

import "time"

type scenario struct {
	name string
	// core scenarios are part of make test, all others of make test-full.
	core bool
}

// scenarios number the namespaces and the addresses.
var scenarios = []scenario{
	{"TestAFunctionIsResolvableOncePlacedAppliedAndHealthy", true},
	{"TestAMembersWorkloadBecomesUnhealthy", true},
	{"TestALoadBalancersAddressChangesAndGoes", true},
	{"TestTheLastAddressStaysWhenAnUpdateDoesNotApply", true},
	{"TestReplicasThatAreDividedLeaveAnAddressWithoutAny", false},
	{"TestScaledToZeroIsColdOrGone", true},
	{"TestARolloutLosesNoCluster", true},
	{"TestAMemberThatScalesToZeroIsNotWoken", true},
	{"TestThePolicyChanges", false},
	{"TestSuspensionTakesNothingAway", false},
	{"TestADuplicateHostnameStaysWithTheOlder", false},
	{"TestANamespaceIsDeleted", false},
	{"TestAClusterLeavesAndComesBack", false},
	{"TestAMemberThatPullsIsAnsweredAsOthersAre", false},
	{"TestASilentPullAgentIsUnknown", false},
	{"TestAnEvictionDrainsFirst", true},
	{"TestAnEvictedClusterIsNotAnsweredByItsStaleStatus", false},
	{"TestRemedyTrafficControlIsADrain", false},
	{"TestFunctionsRunWhereTheFederationSaysAndElsewhereWhenThatIsLost", false},
	{"TestAMembersAPIIsRefusedWhileItsDataPlaneLives", true},
	{"TestAMembersAPIIsSilentWhileItsDataPlaneLives", false},
	{"TestADataPlaneDiesWhileKarmadaFindsItsAPIReady", false},
	{"TestADeadClusterStaysHealthyInTheBinding", false},
	{"TestKarmadasOwnAPIServerIsDown", false},
	{"TestKarmadasAPIIsDownAndARestartServesTheSnapshot", true},
	{"TestATokenExpiresAndIsReplaced", false},
	{"TestSpinAppsAreHealthyOnlyWhenTheyAre", false},
	{"TestASpinAppThatAMemberCannotRunIsNotAnsweredThere", false},
	{"TestKnativeServicesAreHealthyOnlyWhenTheyAre", false},
	{"TestAKnativeAndACoreServiceOfOneName", false},
	{"TestAConsumerOfAMultiClusterServiceIsNoPlacement", false},
	{"TestAnIngressIsAFunction", false},
	{"TestNearcastReachesItsMembersThroughKarmada", true},
	{"TestASiteSeesOnlyItsNamespacesUntilItIsRevoked", false},
	{"TestADrainIsToldToAllSitesByThoseWhoMay", false},
	{"TestOperatorsAreToldByEvents", false},
	{"TestControllersRestartWhileAHundredFunctionsChange", false},
	{"TestTheLabRunsOnKarmada", false},
	{"TestChangesAreAnsweredAtOnce", false},
	{"TestTenThousandFunctionsInTwoHundredClusters", false},
	{"TestTheSpeakerFollowsItsCluster", true},
	{"TestTheSpeakerOutlivesItsClustersAPI", false},
	{"TestTheFunctionsReachEveryMemberThroughKarmada", true},
}

// soon is what a change on the Karmada API may take to be answered on a loaded
// machine; TestChangesAreAnsweredAtOnce measures what it does take.
const soon = 10 * time.Second
