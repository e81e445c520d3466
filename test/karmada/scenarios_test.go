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
	{"TestTheLastAddressIsKeptIfAnUpdateFailsToApply", true},
	{"TestAClusterWithoutDividedReplicasKeepsItsAddress", false},
	{"TestScaledToZeroIsColdOrGone", true},
	{"TestARolloutLosesNoCluster", true},
	{"TestAMemberThatScalesToZeroIsNotWoken", true},
	{"TestThePolicyChanges", false},
	{"TestSuspensionRemovesNothing", false},
	{"TestADuplicateHostnameStaysWithTheOlder", false},
	{"TestANamespaceIsDeleted", false},
	{"TestAClusterLeavesAndComesBack", false},
	{"TestAPullMemberIsAnsweredLikeOthers", false},
	{"TestASilentPullAgentIsUnknown", false},
	{"TestAnEvictionDrainsFirst", true},
	{"TestAnEvictedClusterIsNotAnsweredByItsStaleStatus", false},
	{"TestRemedyTrafficControlIsADrain", false},
	{"TestFunctionsRunWherePlacedAndElsewhereAfterALoss", false},
	{"TestAMembersAPIRefusesConnectionsWhileItsDataPlaneRuns", true},
	{"TestAMembersAPIIsSilentWhileItsDataPlaneRuns", false},
	{"TestADataPlaneFailsWhileKarmadaReportsReady", false},
	{"TestADeadClusterStaysHealthyInTheBinding", false},
	{"TestKarmadasOwnAPIServerIsDown", false},
	{"TestKarmadasAPIIsDownAndARestartServesTheSnapshot", true},
	{"TestATokenExpiresAndIsReplaced", false},
	{"TestSpinAppsAreHealthyOnlyIfTheyReallyAre", false},
	{"TestASpinAppThatAMemberCannotRunIsNotAnsweredThere", false},
	{"TestKnativeServicesAreHealthyOnlyIfTheyReallyAre", false},
	{"TestAKnativeAndACoreServiceWithTheSameName", false},
	{"TestAConsumerOfAMultiClusterServiceIsNotAPlacement", false},
	{"TestAnIngressIsAFunction", false},
	{"TestNearcastReachesItsMembersThroughKarmada", true},
	{"TestASiteSeesOnlyItsNamespacesUntilItIsRevoked", false},
	{"TestOnlyAuthorizedUsersDrainAtAllSites", false},
	{"TestOperatorsAreNotifiedByEvents", false},
	{"TestControllersRestartWhileAHundredFunctionsChange", false},
	{"TestTheLabRunsOnKarmada", false},
	{"TestChangesAreAnsweredImmediately", false},
	{"TestTenThousandFunctionsInTwoHundredClusters", false},
	{"TestTheSpeakerFollowsItsCluster", true},
	{"TestTheSpeakerSurvivesTheLossOfItsClustersAPI", false},
	{"TestTheFunctionsReachEveryMemberThroughKarmada", true},
}

// soon is what a change on the Karmada API may take to be answered on a loaded
// machine; TestChangesAreAnsweredImmediately measures what it does take.
const soon = 10 * time.Second
