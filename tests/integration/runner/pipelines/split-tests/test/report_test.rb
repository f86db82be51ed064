# frozen_string_literal: true

require "test_helper"

class ReportTest < Minitest::Test
  def test_that_it_works
    sleep 2.0 # as a test that drives a browser does
    assert true
  end
end
