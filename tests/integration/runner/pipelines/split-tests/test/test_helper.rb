# frozen_string_literal: true

require "minitest/autorun"
require "cgi"
require "fileutils"

# Writes a JUnit file, as the reporters that apps use do.
class JUnit < Minitest::AbstractReporter
  def initialize
    super
    @cases = []
  end

  def record(result)
    @cases << xml(result)
  end

  def report
    FileUtils.mkdir_p("test-results")
    File.write("test-results/minitest.xml", "<testsuites><testsuite>\n#{@cases.join}</testsuite></testsuites>\n")
  end

  private

  def xml(result)
    file = result.source_location.first.delete_prefix("#{Dir.pwd}/")
    failure = result.failure && "<failure>#{CGI.escapeHTML(result.failure.message)}</failure>"
    %(<testcase file="#{file}" classname="#{result.klass}" name="#{result.name}" ) +
      %(time="#{result.time.round(4)}">#{failure}</testcase>\n)
  end
end

module Minitest
  def self.plugin_junit_init(_options)
    reporter << JUnit.new
  end

  extensions << "junit"
end
